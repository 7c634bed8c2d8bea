/**
 * The body of an answer that is written as things happen, to many clients the same bytes. Of a `ReadableStream` each chunk costs
 * every client promises, which the garbage collector then has to find among all that a thousand viewers are: here chunks go to the
 * client's socket within the call that writes them. Whoever reads it as a stream gets a stream.
 */

type Bytes = Uint8Array<ArrayBuffer>;

/** Where a body goes. */
export interface Sink {
  /** Takes bytes. `false`: they were taken, and no more are to come before {@link LiveBody.drained}. */
  write(bytes: Bytes): boolean;
  /** All was written. */
  end(): void;
}

/** What whoever writes a body is told. */
export interface LiveBodyEvents {
  /** Something of what waited was taken. */
  drained(): void;
  /** The client is gone. */
  cancelled(): void;
}

/** The bodies that streams belong to. */
const bodies = new WeakMap<ReadableStream, LiveBody>();

/** See the module's comment. Its bound is the writer's matter, see {@link waiting}. */
export class LiveBody {
  /** The body as a stream, for the Fetch API. Of no use after {@link connect}. */
  readonly stream: ReadableStream<Bytes>;
  readonly #events: LiveBodyEvents;
  #queue: Bytes[] = [];
  #waiting = 0;
  #sink: Sink | null = null;
  /** The sink takes nothing at the moment. */
  #isFull = false;
  #hasEnded = false;
  #controller!: ReadableStreamDefaultController<Bytes>;
  /** The stream's reader waits for a chunk. */
  #isRead = false;

  constructor(events: LiveBodyEvents) {
    this.#events = events;
    this.stream = new ReadableStream<Bytes>({
      start: (controller) => void (this.#controller = controller),
      pull: () => {
        this.#isRead = true;
        this.#flush();
      },
      cancel: () => this.cancel(),
    }, { highWaterMark: 0 });
    bodies.set(this.stream, this);
  }

  /** The body whose stream this is. */
  static of(stream: ReadableStream): LiveBody | undefined {
    return bodies.get(stream);
  }

  /** Bytes that nobody has taken yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Hands all to a sink from now on, what waits first. Nobody may have read the stream. */
  connect(sink: Sink): void {
    this.#sink = sink;
    if (this.#hasEnded && this.#queue.length === 0) sink.end();
    else this.#flush();
  }

  /** Writes bytes, which must not change any more. Nothing happens after the end. */
  write(bytes: Bytes): void {
    if (this.#hasEnded) return;
    if (this.#sink !== null && !this.#isFull && this.#queue.length === 0) {
      this.#isFull = !this.#sink.write(bytes);
      return;
    }
    this.#queue.push(bytes);
    this.#waiting += bytes.byteLength;
    if (this.#isRead) this.#flush();
  }

  /** Ends the body after what was written. */
  close(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (this.#queue.length === 0) this.#end();
  }

  /** The sink takes more. */
  drained(): void {
    this.#isFull = false;
    this.#flush();
  }

  /** The client is gone: what waits is dropped. */
  cancel(): void {
    this.#queue = [];
    this.#waiting = 0;
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#events.cancelled();
  }

  /** Writes what waits, as far as it is taken. */
  #flush(): void {
    let taken = 0;
    for (const bytes of this.#queue) {
      if (this.#isFull || (this.#sink === null && !this.#isRead)) break;
      taken++;
      this.#waiting -= bytes.byteLength;
      if (this.#sink !== null) this.#isFull = !this.#sink.write(bytes);
      else {
        this.#isRead = false;
        this.#controller.enqueue(bytes);
      }
    }
    if (taken === 0) return;
    this.#queue.splice(0, taken);
    if (this.#hasEnded && this.#queue.length === 0) return this.#end();
    this.#events.drained();
  }

  #end(): void {
    if (this.#sink !== null) this.#sink.end();
    else this.#controller.close();
  }
}
