/// The event of a container's life that runs a hook.
public enum HookKind: String, Sendable {
  case postStart
  case preStop
}
