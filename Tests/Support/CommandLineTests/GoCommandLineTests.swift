import CommandLine
import Testing

@Suite struct GoCommandLineTests {
  @Test(arguments: [
    (["--api_servers=127.0.0.1:8080"], ["--api-servers=127.0.0.1:8080"]),
    (["--hostname_override", "a_b"], ["--hostname-override", "a_b"]),
    (["--key=a_b=c_d"], ["--key=a_b=c_d"]),
    (["--register-node", "rest"], ["--register-node=true", "rest"]),
    (["--register_node=false"], ["--register-node=false"]),
    (["--config", "/etc/x_y"], ["--config", "/etc/x_y"]),
    (["--", "--api_servers"], ["--", "--api_servers"]),
  ])
  func rewrites(given: [String], expected: [String]) {
    #expect(GoCommandLine.normalized(given, switches: ["register-node"]) == expected)
  }

  @Test(arguments: ["1", "t", "T", "true", "True", "TRUE"])
  func isTrue(text: String) {
    #expect(GoBool(argument: text) == true)
  }

  @Test(arguments: ["0", "f", "F", "false", "False", "FALSE"])
  func isFalse(text: String) {
    #expect(GoBool(argument: text) == false)
  }

  @Test(arguments: ["", "yes", "on", "tRUE"])
  func isNoBool(text: String) {
    #expect(GoBool(argument: text) == nil)
  }
}
