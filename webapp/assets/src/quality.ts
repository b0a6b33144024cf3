// How well the two of a call hear each other, from what the browser counts.
import { language, say } from "./words";

export type Grade = "good" | "fair" | "poor";
export interface Quality { grade: Grade; loss: number; jitter: number; roundTrip: number } // a share, ms, ms
interface Sample { came: number; lost: number; jitter: number; buffered: number; played: number; theirLoss: number; theirJitter: number; roundTrip: number }

const WINDOW = 6; // samples: a single lost packet is no bad line
const PACKET = 20; // ms of sound in each

// The E-model of ITU-T G.107 in the short form of Cole and Rosenbluth, "Voice over IP performance monitoring" (ACM SIGCOMM
// CCR 31/2, 2001), for G.711 whose losses are concealed: a rating of 0 to 94 out of delay (ms, mouth to ear) and loss (a share).
// The classes are those of ITU-T G.109: from 80 users are satisfied, from 70 some are not, below that many are not.
const GOOD = 80, FAIR = 70;
export function rating(delay: number, loss: number): number {
  return 94.2 - 0.024 * delay - 0.11 * Math.max(0, delay - 177.3) - 30 * Math.log(1 + 15 * loss);
}
export const gradeOf = (value: number): Grade => (value >= GOOD ? "good" : value >= FAIR ? "fair" : "poor");

export function gradeWord(grade: Grade): string {
  switch (grade) {
    case "good": return say("line_good");
    case "fair": return say("line_fair");
    default: return say("line_poor");
  }
}
export function figures({ loss, jitter, roundTrip }: Quality): string {
  const time = (ms: number): string => Math.round(ms).toLocaleString(language, { style: "unit", unit: "millisecond" });
  return say("line_figures", { loss: loss.toLocaleString(language, { style: "percent", maximumFractionDigits: 1 }), jitter: time(jitter), trip: time(roundTrip) });
}

export class Gauge {
  private samples: Sample[] = [];

  /** Null until there is something to compare with. The worse of both directions counts. */
  async read(connection: RTCPeerConnection): Promise<Quality | null> {
    const now = sampleOf(await connection.getStats()), then = this.samples[0];
    this.samples = [...this.samples, now].slice(-WINDOW);
    return then && this.samples.length > 2 ? between(then, now) : null;
  }

  /** Nothing comes while somebody is held: what was counted before does not compare. */
  forget(): void { this.samples = []; }
}

function between(then: Sample, now: Sample): Quality {
  const came = now.came - then.came, lost = Math.max(0, now.lost - then.lost);
  const loss = came + lost ? Math.max(lost / (came + lost), now.theirLoss) : 1; // nothing at all is heard
  const buffer = now.played > then.played ? ((now.buffered - then.buffered) / (now.played - then.played)) * 1000 : 0;
  const jitter = Math.max(now.jitter, now.theirJitter) * 1000, roundTrip = now.roundTrip * 1000;
  const delay = PACKET + roundTrip / 2 + Math.max(buffer, 2 * jitter); // a buffer of twice the jitter is what others are thought to have
  return { grade: gradeOf(rating(delay, loss)), loss, jitter, roundTrip };
}

function sampleOf(report: RTCStatsReport): Sample {
  const sample: Sample = { came: 0, lost: 0, jitter: 0, buffered: 0, played: 0, theirLoss: 0, theirJitter: 0, roundTrip: 0 };
  report.forEach((each: Record<string, number | string | undefined>) => {
    const number = (name: string): number => Number(each[name] ?? 0);
    if (each.kind === "audio" && each.type === "inbound-rtp") {
      sample.came += number("packetsReceived");
      sample.lost += number("packetsLost") + number("packetsDiscarded");
      sample.jitter = number("jitter");
      sample.buffered = number("jitterBufferDelay");
      sample.played = number("jitterBufferEmittedCount");
    } else if (each.kind === "audio" && each.type === "remote-inbound-rtp") {
      sample.theirLoss = number("fractionLost");
      sample.theirJitter = number("jitter");
      sample.roundTrip ||= number("roundTripTime");
    } else if (each.type === "candidate-pair" && each.state === "succeeded" && each.currentRoundTripTime) {
      sample.roundTrip = number("currentRoundTripTime");
    }
  });
  return sample;
}
