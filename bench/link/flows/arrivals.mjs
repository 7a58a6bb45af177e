// What a receiver has got and when: the same as arrivals.c, for peers in Node.
const BIN_MS = 100, LONG_GAP_MS = 200;

// CLOCK_MONOTONIC, as in the programs in C.
const now_ms = () => Number(process.hrtime.bigint()) / 1e6;

export class Arrivals {
  constructor(seconds) {
    Object.assign(this, { seconds, begun: now_ms(), last: now_ms(), bytes: 0, longest: 0, longest_at: 0, gaps: 0 });
    this.bins = new Array(Math.floor(seconds * 1000 / BIN_MS)).fill(0);
  }

  note_gap(now) {
    const gap = now - this.last;
    if (gap > LONG_GAP_MS) this.gaps++;
    if (gap > this.longest) Object.assign(this, { longest: gap, longest_at: this.last - this.begun });
    this.last = now;
  }

  add(bytes) {
    const now = now_ms(), bin = Math.floor((now - this.begun) / BIN_MS);
    if (bin >= this.bins.length) return;
    if (this.bytes === 0) this.last = now; // the first bytes are a round trip away: that is set-up
    this.note_gap(now);
    this.bytes += bytes;
    this.bins[bin] += bytes;
  }

  get left_ms() { return Math.max(0, this.begun + this.seconds * 1000 - now_ms()); }

  print(kind) {
    if (this.bytes > 0) this.note_gap(Math.min(now_ms(), this.begun + this.seconds * 1000));
    const { user, system } = process.cpuUsage();
    console.log(JSON.stringify({
      event: 'received', kind, begun_s: this.begun / 1000, seconds: this.seconds, bytes: this.bytes,
      longest_gap_ms: this.longest, longest_gap_at_s: this.longest_at / 1000, gaps_over_200_ms: this.gaps,
      cpu_s: (user + system) / 1e6, bin_ms: BIN_MS, bin_bytes: this.bins,
    }));
  }
}
