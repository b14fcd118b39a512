// The list of examples: what matches a search, and in which order.

export const SORTS = {
  order: { label: "file order", key: null },
  title: { label: "title", key: (entry) => entry.title.toLowerCase() },
  inputs: { label: "inputs, most first", key: (entry) => -entry.inputs },
  outputs: { label: "outputs, most first", key: (entry) => -entry.outputs },
  doubt: { label: "least probable first", key: (entry) => entry.probability ?? 2 },
};

/** Indices of entries that hold, in their title or in their whole text, every word of `query`, in the order of `sort`. */
export function found(entries, query, sort) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = [];
  entries.forEach((entry, index) => {
    const text = (entry.lower ??= `${entry.title} ${entry.whole ?? entry.text}`.toLowerCase());
    if (words.every((word) => text.includes(word))) hits.push(index);
  });
  const key = SORTS[sort]?.key;
  if (!key) return hits;
  const keys = new Map(hits.map((index) => [index, key(entries[index])]));
  return hits.sort((a, b) => (keys.get(a) < keys.get(b) ? -1 : keys.get(a) > keys.get(b) ? 1 : a - b));
}
