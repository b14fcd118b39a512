"""Is it true? How faithful scores are, on texts and on models whose answers are known."""

from wherefrom.evaluation.agreement import AgreementLine, agreement
from wherefrom.evaluation.annotating import with_measurements
from wherefrom.evaluation.coalition_game import CoalitionGame, coalition_game
from wherefrom.evaluation.contract import METRICS, Case, Metric, list_metrics, metric
from wherefrom.evaluation.evaluating import evaluate, evaluation_cost
from wherefrom.evaluation.gold import Gold, gold_from_words, save_gold
from wherefrom.evaluation.gold_files import load_gold, read_gold
from wherefrom.evaluation.mean_curves import MeanCurve, mean_curves
from wherefrom.evaluation.records import Agreement, Curve, Evaluation, Measurement
from wherefrom.evaluation.split_halves import SplitHalves, split_halves
from wherefrom.evaluation.summary import Line, ranking, summary

__all__ = [
    "METRICS",
    "Agreement",
    "AgreementLine",
    "Case",
    "CoalitionGame",
    "Curve",
    "Evaluation",
    "Gold",
    "Line",
    "MeanCurve",
    "Measurement",
    "Metric",
    "SplitHalves",
    "agreement",
    "coalition_game",
    "evaluate",
    "evaluation_cost",
    "gold_from_words",
    "list_metrics",
    "load_gold",
    "mean_curves",
    "metric",
    "ranking",
    "read_gold",
    "save_gold",
    "split_halves",
    "summary",
    "with_measurements",
]
