#!/usr/bin/env bash
# From one sentence to a figure, a page, a data set and a gate. Each line stands alone; the models ship with the package.
set -euo pipefail

wherefrom attribute                                                         # a built-in example
wherefrom attribute -m demo:lm -i "George was sick yesterday." -o out.json --overwrite
wherefrom show out.json
wherefrom export out.json -o figure.svg --overwrite                         # a figure for a paper
wherefrom export out.json -o page.html --overwrite                          # one interactive file, no network
wherefrom info out.json                                                     # how it was made

printf '%s\n' '{"text": "Mary was hungry yesterday."}' '{"text": "The keys to the cabinet"}' > texts.jsonl
wherefrom attribute-dataset -m demo:lm -a saliency -d json --files texts.jsonl -in text -o run/ --overwrite
wherefrom export run/ -o run.html --overwrite

# which document supports the answer? --fail-unsupported ends with exit code 6 where none does
wherefrom attribute-context -m demo:lm --input-context-text "George was sick yesterday." \
  --input-current-text "His colleagues asked him to come" --citations citations.json --fail-unsupported
