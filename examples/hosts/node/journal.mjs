// An append-only file of JSON lines. `append` comes back when the line is on the disk.
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

export class Journal {
  #file;
  #sizeBytes = 0;
  #last = Promise.resolve();

  /** Open `path`, and give every line in it to `replay`, the oldest first. */
  static async open(path, replay) {
    const journal = new Journal();
    // Read and append; for our eyes only: it holds customer and payment method ids.
    journal.#file = await open(path, 'a+', 0o600);
    await journal.#rebuild(replay);
    await syncFolder(dirname(path));
    await journal.append({ at: new Date(), opened_by: process.pid }); // whoever was here gives up
    return journal;
  }

  /** Write one line through to the disk. Lines keep the order in which they were given. */
  append(line) {
    this.#last = this.#last.then(() => this.#write(line));
    return this.#last;
  }

  /** Come back when it is certain that nobody else has written, so that nothing is unknown here. */
  check() {
    this.#last = this.#last.then(() => this.#write(undefined));
    return this.#last;
  }

  async #write(line) {
    try {
      if (line !== undefined) {
        const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
        await this.#file.appendFile(bytes);
        await this.#file.datasync();
        this.#sizeBytes += bytes.length;
      }
      // Two processes on one journal would each charge. The older one notices here, before it acts
      // on what it wrote, that there are bytes which are not its own.
      const { size } = await this.#file.stat();
      if (size !== this.#sizeBytes) throw new Error('another process writes to it');
    } catch (error) {
      // After a failed write nobody knows what is on the disk. Stop, answer nobody, and begin again
      // from what is there: a lost answer is asked for again, a lost record is a second charge.
      console.error(`the journal cannot be used: ${error.message}`);
      process.exit(1);
    }
  }

  async #rebuild(replay) {
    const bytes = await this.#file.readFile();
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      replay(parsed(bytes.toString('utf8', start, end), start));
      start = end + 1;
    }
    // A last line without its end was being written when we died: nobody acted on it yet.
    await this.#file.truncate(start);
    await this.#file.sync();
    this.#sizeBytes = start;
  }
}

function parsed(text, place) {
  try {
    return JSON.parse(text);
  } catch {
    // Never skip a line: behind it may stand a charge that would then be made a second time.
    throw new Error(`the journal is damaged at byte ${place}; restore it from a copy`);
  }
}

/** Make the name of a new file durable too, where the system can (Windows cannot). */
async function syncFolder(path) {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
