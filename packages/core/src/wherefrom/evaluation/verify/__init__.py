"""Any method, ours or a user's, against models whose answer is known."""

from wherefrom.evaluation.verify.breaking import BREAKS, Broken
from wherefrom.evaluation.verify.checking import verify, verify_all
from wherefrom.evaluation.verify.contract import TRUTHS, NotTestedError, Truth, Verdict

__all__ = ["BREAKS", "TRUTHS", "Broken", "NotTestedError", "Truth", "Verdict", "verify", "verify_all"]
