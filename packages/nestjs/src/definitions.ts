/** The services of `.proto` files, loaded as Nest's users know it. */
import { loadSync, type Options, type PackageDefinition, type ServiceDefinition } from "@grpc/proto-loader";

/** Options that say which services there are; the names are those of Nest's own gRPC transport. */
export interface GrpcPackageOptions {
  /** The protobuf package, or several, whose services are used. */
  readonly package: string | readonly string[];
  /** The path of the `.proto` file, or several paths. */
  readonly protoPath?: string | string[] | undefined;
  /** A definition that was loaded already, in place of `protoPath`. */
  readonly packageDefinition?: PackageDefinition | undefined;
  /** Options of `@grpc/proto-loader`: `keepCase`, `longs`, `enums`, `defaults`, `oneofs`, `includeDirs`, … */
  readonly loader?: Options | undefined;
}

/** A service of a definition. */
export interface LoadedService {
  /** The name within its package, by which `@GrpcMethod` and `getService` know it. */
  readonly name: string;
  /** The name with its package. */
  readonly fullName: string;
  readonly definition: ServiceDefinition;
}

/**
 * Loads the services of the packages. @throws TypeError for options that contradict each other, or a package without a
 * service; the error of `@grpc/proto-loader` for a file that cannot be loaded
 */
export function loadServices(options: GrpcPackageOptions): LoadedService[] {
  const definition = definitionOf(options);
  const packages = [options.package].flat();
  if (packages.length === 0 || packages.some((name) => typeof name !== "string"))
    throw new TypeError('package must be the name of a protobuf package, such as "hero", or a list of names');
  return packages.flatMap((name) => {
    const prefix = name === "" ? "" : `${name}.`;
    const services = Object.entries(definition).flatMap(([fullName, each]) =>
      fullName.startsWith(prefix) && isService(each)
        ? [{ name: fullName.slice(prefix.length), fullName, definition: each }]
        : [],
    );
    if (services.length > 0) return services;
    throw new TypeError(`the definition has no service in the package ${JSON.stringify(name)}`);
  });
}

function definitionOf({ protoPath, packageDefinition, loader }: GrpcPackageOptions): PackageDefinition {
  if (protoPath !== undefined && packageDefinition !== undefined)
    throw new TypeError("give either protoPath or packageDefinition, not both");
  if (packageDefinition !== undefined) return packageDefinition;
  if (protoPath === undefined) throw new TypeError("give protoPath, the path of a .proto file, or packageDefinition");
  return loadSync(protoPath, loader);
}

/** Tells services from messages and enums, which have a format. */
function isService(definition: PackageDefinition[string]): definition is ServiceDefinition {
  return !("format" in definition);
}
