"""Is it true? How faithful scores are, on texts and on models whose answers are known."""

from wherefrom.evaluation.contract import METRICS, Case, Metric, list_metrics, metric
from wherefrom.evaluation.evaluating import evaluate
from wherefrom.evaluation.gold import Gold, gold_from_words, load_gold, save_gold
from wherefrom.evaluation.records import Curve, Evaluation, Measurement
from wherefrom.evaluation.summary import Line, ranking, summary

__all__ = [
    "METRICS",
    "Case",
    "Curve",
    "Evaluation",
    "Gold",
    "Line",
    "Measurement",
    "Metric",
    "evaluate",
    "gold_from_words",
    "list_metrics",
    "load_gold",
    "metric",
    "ranking",
    "save_gold",
    "summary",
]
