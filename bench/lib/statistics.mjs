// What becomes of the same figure over several rounds.

/** Of numbers, at least one: { min, median, max }. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { min: sorted[0], median, max: sorted.at(-1) };
}

/** The spread of one figure of a row over its rounds; null when no round has it. */
export function spread_of(row, measure) {
  const values = row.rounds.map(round => round[measure]).filter(Number.isFinite);
  return values.length > 0 ? spread(values) : null;
}

/** A target over the rounds in which all its rows have figures: null, or its spread and whether `must` and `aim` are met. */
export function judge(target, rows) {
  const rounds = new Set(rows.flatMap(row => row.rounds.map(each => each.round)));
  const values = [];
  for (const round of rounds) {
    const of = name => rows.find(row => row.name === name)?.rounds.find(each => each.round === round) ?? {};
    const value = target.value(of);
    if (Number.isFinite(value)) values.push(value);
  }
  if (values.length === 0) return null;
  const result = { rounds: values.length, ...spread(values) };
  const reaches = bound => bound == null ? null : target.at_most ? result.median <= bound : result.median >= bound;
  return { ...result, must: reaches(target.must), aim: reaches(target.aim) };
}
