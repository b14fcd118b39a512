"""Any method, ours or a user's, against models whose answer is known."""

from wherefrom.evaluation.verify.breaking import BREAKS, Broken
from wherefrom.evaluation.verify.checking import TRUTHS, Verdict, verify, verify_all

__all__ = ["BREAKS", "TRUTHS", "Broken", "Verdict", "verify", "verify_all"]
