import { errorText } from "../base/errors.ts";

/** Runs the parts of the cleanup one after another; a part that fails does not stop the next. */
export class Parts {
  /** What could not be done, and why. */
  readonly damage: string[] = [];

  async try(what: string, action: () => void | Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.damage.push(`${what}: ${errorText(error)}`);
    }
  }
}
