/** The process behind other-user.ts. */
import type { Answers, Order } from "./other-user.ts";
import { Stage } from "./stage.ts";

const stage = await Stage.start();
const { job } = await stage.startJob();

async function carryOut(order: Order): Promise<Answers[Order["kind"]]> {
  switch (order.kind) {
    case "start":
      return { root: stage.root };
    case "use": {
      const result = await stage.use(job, order.inputs);
      return {
        result,
        keepers: stage.keepers().map(({ pid }) => pid),
        requests: stage.clouds.github.requests.length,
      };
    }
    case "finish": {
      const { posts, tempLeft } = await job.finish();
      const annotations = posts.flatMap((post) => post.annotations.map(({ message }) => message));
      return { outcome: posts[0]?.outcome ?? "none", annotations, left: tempLeft.before };
    }
  }
}

process.on("message", (order: Order) => void carryOut(order).then((answer) => process.send?.(answer)));
process.once("disconnect", () => void stage.close().then(() => process.exit(0)));
