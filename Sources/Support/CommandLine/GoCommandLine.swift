/// Command lines in the spelling of Kubernetes' programs, for swift-argument-parser.
package enum GoCommandLine {
  /// Rewrites a command line up to a lone `--`.
  ///
  /// - An underscore in a flag's name becomes a hyphen: `--api_servers` is `--api-servers`.
  /// - A switch without a value is true, and never takes the next word: `--register-node` is
  ///   `--register-node=true`.
  ///
  /// - Parameters:
  ///   - arguments: without the program's name.
  ///   - switches: the names of the boolean flags, without leading hyphens.
  /// - Source: spf13/pflag (`NoOptDefVal`) and `WordSepNormalizeFunc` of k8s.io/component-base.
  package static func normalized(_ arguments: [String], switches: Set<String> = []) -> [String] {
    let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
    return arguments[..<end].map { argument in
      guard argument.hasPrefix("--") else { return argument }
      let parts = argument.dropFirst(2).split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = parts[0].replacing("_", with: "-")
      if parts.count == 2 { return "--\(name)=\(parts[1])" }
      return switches.contains(String(name)) ? "--\(name)=true" : "--\(name)"
    } + arguments[end...]
  }
}
