"""Results, batches and aggregators under inseq's names."""

from wherefrom.inseq.data.aggregation_functions import AggregationFunction, list_aggregation_functions
from wherefrom.inseq.data.aggregator import (
    Aggregator,
    AggregatorPipeline,
    ContiguousSpanAggregator,
    PairAggregator,
    SequenceAttributionAggregator,
    SubwordAggregator,
    list_aggregators,
)
from wherefrom.inseq.data.attribution import (
    CoarseFeatureAttributionSequenceOutput,
    CoarseFeatureAttributionStepOutput,
    FeatureAttributionInput,
    FeatureAttributionOutput,
    FeatureAttributionSequenceOutput,
    FeatureAttributionStepOutput,
    GranularFeatureAttributionStepOutput,
    MultiDimensionalFeatureAttributionStepOutput,
    get_batch_from_inputs,
    merge_attributions,
)
from wherefrom.inseq.data.batch import (
    Batch,
    BatchEmbedding,
    BatchEncoding,
    DecoderOnlyBatch,
    EncoderDecoderBatch,
    slice_batch_from_position,
)
from wherefrom.inseq.data.viz import show_attributions, show_granular_attributions, show_token_attributions

__all__ = [
    "AggregationFunction",
    "Aggregator",
    "AggregatorPipeline",
    "Batch",
    "BatchEmbedding",
    "BatchEncoding",
    "CoarseFeatureAttributionSequenceOutput",
    "CoarseFeatureAttributionStepOutput",
    "ContiguousSpanAggregator",
    "DecoderOnlyBatch",
    "EncoderDecoderBatch",
    "FeatureAttributionInput",
    "FeatureAttributionOutput",
    "FeatureAttributionSequenceOutput",
    "FeatureAttributionStepOutput",
    "GranularFeatureAttributionStepOutput",
    "MultiDimensionalFeatureAttributionStepOutput",
    "PairAggregator",
    "SequenceAttributionAggregator",
    "SubwordAggregator",
    "get_batch_from_inputs",
    "list_aggregation_functions",
    "list_aggregators",
    "merge_attributions",
    "show_attributions",
    "show_granular_attributions",
    "show_token_attributions",
    "slice_batch_from_position",
]
