/**
 * The agreement of both sides that a name is UDP. The exposer says so in the metadata of the name, and the dialler in
 * that of its stream; without it a stream carries the bytes of one connection.
 */
import { GrpcError, Status } from "@trunkline/grpc";
import type { Metadata } from "@trunkline/metadata";

/** The metadata of a name that is UDP, and of the stream of one flow. */
export const udpMetadata: Readonly<Record<"trunkline-protocol", string>> = { "trunkline-protocol": "udp" };

/** Returns true where the metadata of a name or a stream says that it carries datagrams. */
export function isUdp(metadata: Metadata | undefined): boolean {
  return metadata?.get("trunkline-protocol") === udpMetadata["trunkline-protocol"];
}

/** Returns why a side that has or wants datagrams, or has not, does not fit a name; undefined where it does. */
export function protocolProblem(name: string, isNameUdp: boolean, isWantedUdp: boolean): string | undefined {
  if (isNameUdp === isWantedUdp) return undefined;
  return isNameUdp
    ? `${JSON.stringify(name)} is exposed over UDP; connect to it with --listen udp:PORT`
    : `${JSON.stringify(name)} is not exposed over UDP; connect to it with --listen PORT, without udp:`;
}

/** Returns the error for the other side, which wants another protocol. */
export function protocolError(problem: string): GrpcError {
  return new GrpcError(Status.FAILED_PRECONDITION, problem);
}
