import Testing

@testable import CommandLine

@Suite struct SettingsTests {
  private static let flags: Set = ["listen-client-urls", "data-dir", "name", "cert-file", "v"]

  private func arguments(
    file: String? = nil, _ environment: [String: String] = [:]
  ) throws -> [String] {
    try Settings(
      flags: Self.flags, environment: environment, file: file.map { ("kv.yaml", $0) }
    ).entries.map(\.argument)
  }

  @Test(arguments: [
    ("data-dir: /var/lib/kvstore", ["--data-dir=/var/lib/kvstore"]),
    ("# a comment\nname: 'a b'\nv: 2", ["--name=a b", "--v=2"]),
    (
      "listen-client-urls: http://127.0.0.1:2379,http://[::1]:2379",
      ["--listen-client-urls=http://127.0.0.1:2379,http://[::1]:2379"]
    ),
    ("client-transport-security:\n  cert-file: a.pem\nname: x", ["--cert-file=a.pem", "--name=x"]),
    ("cert-file: a.pem", ["--cert-file=a.pem"]), ("name:\nv: 2", ["--v=2"]), ("", []),
    ("# none", []),
    ("---\n", []),
  ])
  func aFileSetsWhatFlagsSet(text: String, expected: [String]) throws {
    #expect(try self.arguments(file: text) == expected)
  }

  @Test(arguments: [
    ("name: a\nnmae: b", "kv.yaml:2: unknown setting \"nmae\"; the settings are: cert-file, "),
    ("- a", "kv.yaml:1: write settings like"), ("name", "kv.yaml:1: write settings like"),
    ("v: 1\nname: [a, b]", "kv.yaml:2: name takes one value"),
    ("client-transport-security:\n  data: x", "kv.yaml:2: unknown setting \"data\""),
    ("name: a\nname: b", "kv.yaml: not YAML"), ("name: 'a", "kv.yaml: not YAML"),
  ])
  func aMistakeIsNamedWithItsLine(text: String, message: String) {
    let error = #expect(throws: SettingsError.self) { try self.arguments(file: text) }
    #expect(error?.description.hasPrefix(message) == true, "\(String(describing: error))")
  }

  @Test func theEnvironmentComesAfterTheFile() throws {
    let settings = try Settings(
      flags: Self.flags,
      environment: ["ETCD_DATA_DIR": "/b", "PATH": "/bin", "ETCD_NAME": "", "ETCDCTL_API": "2"],
      file: ("kv.yaml", "data-dir: /a"))
    #expect(
      settings.entries == [
        .init(argument: "--data-dir=/a", origin: "kv.yaml:1"),
        .init(argument: "--data-dir=/b", origin: "the environment's ETCD_DATA_DIR"),
      ])
    #expect(settings.warnings.isEmpty)
  }

  @Test func anUnknownVariableIsWarnedAbout() throws {
    let settings = try Settings(
      flags: Self.flags, environment: ["ETCD_ELECTION": "1", "ETCD_CONFIG_FILE": "x"])
    #expect(settings.warnings == ["Unrecognized environment variable ETCD_ELECTION"])
    #expect(settings.entries.isEmpty)
  }

  @Test(arguments: [
    (["--config", "a"], [:], "a"), (["--config=a"], [:], "a"), (["--config-file=a"], [:], "a"),
    ([], ["ETCD_CONFIG_FILE": "e"], "e"), (["--config=a"], ["ETCD_CONFIG_FILE": "e"], "a"),
    (["--config=a", "--config=b"], [:], "b"), (["--name", "x"], [:], nil), (["--config"], [:], nil),
    (["--", "--config=a"], [:], nil), ([], ["ETCD_CONFIG_FILE": ""], nil),
  ])
  func theFileIsNamedByFlagOrVariable(
    arguments: [String], environment: [String: String], file: String?
  ) {
    #expect(Settings.file(arguments: arguments, environment: environment) == file)
  }
}
