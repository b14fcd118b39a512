"""What methods that draw at random share: how many draws, from which seed, and how far their mean may be off."""
