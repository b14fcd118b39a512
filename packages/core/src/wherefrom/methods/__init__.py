"""Attribution methods, one file each; the contract is in `wherefrom.methods.base`."""
