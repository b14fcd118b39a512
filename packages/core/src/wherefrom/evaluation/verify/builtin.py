"""The known answers that this package brings; importing it registers them."""

from wherefrom.evaluation.verify import adding_up, copying, games, induction, published
