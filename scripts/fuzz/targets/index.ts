import type { Target } from "../target.js";
import { codecTarget } from "./codec.js";
import { grpcTarget } from "./grpc.js";
import { h2Target } from "./h2.js";
import { hpackTarget } from "./hpack.js";
import { routerTarget } from "./router.js";

export const targets: readonly Target[] = [codecTarget, h2Target, hpackTarget, grpcTarget, routerTarget];
