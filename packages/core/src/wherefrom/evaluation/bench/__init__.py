"""Which method finds what the answer hangs on? The same question put to any list of methods, on prompts with known
answers."""

from wherefrom.evaluation.bench.prompts import PROMPT_SETS, Prompt, load_prompts
from wherefrom.evaluation.bench.running import LONG, SHORT, Bench, bench_cost, read_bench, run_bench
from wherefrom.evaluation.bench.specs import method_of_spec

__all__ = [
    "LONG",
    "PROMPT_SETS",
    "SHORT",
    "Bench",
    "Prompt",
    "bench_cost",
    "load_prompts",
    "method_of_spec",
    "read_bench",
    "run_bench",
]
