// Scores as short numbers.

/** Signed number with three significant digits ("+0.412", "-3.1e-5"). */
export function signed(value, plus = true) {
  if (value === 0) return "0";
  return (plus && value > 0 ? "+" : "") + short(value);
}

/** Three significant digits, or all before the point; a number beyond all is told as Python tells it. */
export function short(value, digits = 3) {
  if (!Number.isFinite(value)) return value > 0 ? "inf" : value < 0 ? "-inf" : "n/a";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 999.5 && size < 1e5) return value.toFixed(0);
  return size >= 1e-3 && size < 1e5 ? String(Number(value.toPrecision(digits))) : value.toExponential(1).replace("e+", "e");
}

/** A step score: counts and ranks, all whole numbers, as such. */
export const stepScore = (value, digits) => (Number.isSafeInteger(value) ? String(value) : short(value, digits));

/** The lowest and the highest score of the colours in words, and whether there are some beyond; null where every output has its own. */
export function rangeEnds([bound, scores], signs) {
  const most = bound === null ? "the largest of each output" : short(bound);
  const beyond = (sign, word) => (bound && scores.some((score) => sign * score > bound * (1 + 1e-6)) ? ` and ${word}` : "");
  return [signs ? `−${bound === null ? "" : most}${beyond(-1, "below")}` : "0", (signs ? "+" : "") + most + beyond(1, "above")];
}

/** Number for a small cell: the same decimals in all of them, and no sign on what rounds to nothing. */
export function cellNumber(value, largest) {
  if (value === 0) return "";
  const power = powerOf(largest);
  const lift = power < -300 ? 300 : 0; // 10 ** -324 is too small to divide by
  const scaled = unitOf(power) ? (value * 10 ** lift) / `1e${power + lift}` : value;
  return scaled.toFixed(power === 1 ? 1 : 2).replace(/^-(0\.0+)$/, "$1");
}

/** Power of ten that `cellNumber` leaves out, in words for the legend ("numbers × 10^-4"), or "". */
export function cellUnit(largest) {
  const unit = unitOf(powerOf(largest));
  return unit && `numbers in cells × 10^${unit}`;
}

/** As `number_style` in Python: a little more than the largest, so that rounding cannot add a digit. */
const powerOf = (largest) => Math.floor(Math.log10(largest * 1.006));
const unitOf = (power) => (power < -1 || power > 1 ? power : "");
