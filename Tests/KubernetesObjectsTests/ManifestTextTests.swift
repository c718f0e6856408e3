import Testing

@testable import KubernetesObjects

/// YAML and JSON, read as a kubelet reads them.
@Suite struct ManifestTextTests {
  private func value(_ text: String) throws -> JSONValue {
    try ManifestText.value(of: Array(text.utf8))
  }

  @Test(
    arguments: [
      ("yes", true), ("off", false), ("~", nil), ("", nil), ("12", 12), ("-3", -3), ("0x1F", 31),
      ("010", 8), ("0o10", 8), ("0", 0), ("1_000", 1000), ("1.5", .number(1.5)),
      (".5", .number(0.5)), ("1.", 1), ("1e3", 1000), ("1e1", 10), ("1E+2", 100),
      ("1e-3", .number(0.001)), ("12:30:45", "12:30:45"), ("2026-11-23", "2026-11-23"), ("08", 8),
      ("5.0", 5), ("100m", "100m"), ("1e", "1e"), ("+-1", "+-1"), ("-", "-"),
      ("pause:3", "pause:3"), ("<<", "<<"), (".", "."),
    ] as [(String, JSONValue)])
  func plainScalarsAreReadAsGoDoes(text: String, value: JSONValue) {
    #expect(YAMLScalar.plain(text) == value)
  }

  @Test func quotesAndTagsMakeStrings() throws {
    #expect(
      try self.value("a: '1'\nb: \"true\"\nc: !!str 10\nd: |\n  no\ne: !foo 5\n") == [
        "a": "1", "b": "true", "c": "10", "d": "no\n", "e": "5",
      ])
  }

  @Test func tagsDecideOnTypes() throws {
    #expect(
      try self.value(
        "a: !!int '5'\nb: !!binary aGkh\nc: !!float 2\nd: !!bool 'yes'\ne: !!null ''\n")
        == ["a": 5, "b": "hi!", "c": 2, "d": true, "e": nil])
  }

  @Test func keysAreStrings() throws {
    #expect(
      try self.value("yes: a\n1.5: b\n0x10: c\n? d\n: e\n'no': f\n") == [
        "true": "a", "1.5": "b", "16": "c", "d": "e", "no": "f",
      ])
  }

  @Test func keysGivenAgainKeepTheLastValue() throws {
    let text = "a: 1\n\"b\": x\r\na: 2\n'a': 3\nb: {c: 1, c: 2}\nb: {c: 3, d: &x [1], e: *x}\n"
    #expect(try self.value(text) == ["a": 3, "b": ["c": 3, "d": [1], "e": [1]]])
    #expect(
      try self.value(#"{"a":{"x":1},"a":{"y":2},"b":1,"b":2}"#) == ["a": ["x": 1, "y": 2], "b": 2])
  }

  @Test(arguments: [
    ("%YAML 1.2\n---\na: 1\n", "found incompatible YAML document"),
    ("# note\n%YAML 1.2\n---\na: 1\n", "found incompatible YAML document"),
    ("a: !!int x\n", "cannot decode !!str `x` as a !!int"),
    ("a: !!binary '*'\n", "!!binary value contains invalid base64 data"),
    ("a: .inf\n", "json: unsupported value: +Inf"), ("a: .nan\n", "json: unsupported value: NaN"),
    ("~: a\n", "unsupported map key"), ("? {a: 1}\n: b\n", "a key must be a scalar"),
    ("<<: 5\na: 1\n", "map merge requires map or sequence of maps as the value"),
    ("a: \"\u{7F}\"\n", "control characters are not allowed"),
    (#"{"a":1,}"#, "json parse error"), (#"{"a":[1,]}"#, "json parse error"),
    (#"{a: 1}"#, "json parse error"),
  ])
  func whatGoCannotReadIsRefused(_ text: String, reason: String) throws {
    let error = try #require(throws: ManifestText.Unreadable.self) { try self.value(text) }
    #expect(error.reason.contains(reason), "\(error)")
  }

  @Test func anOlderVersionOfYAMLIsRead() throws {
    #expect(try self.value("%YAML 1.1\n---\na: 1\n") == ["a": 1])
    #expect(try self.value("a: 1\n# %YAML 1.2\n") == ["a": 1])
  }

  // MARK: Types

  private func problems(metadata: String = "{}", spec: String = "{}", status: String = "{}") throws
    -> [String]
  {
    let pod = try self.value("metadata: \(metadata)\nspec: \(spec)\nstatus: \(status)\n")
    var problems: [FieldProblem] = []
    _ = PodSchema.pod.decode(pod, at: "", problems: &problems)
    return problems.map(\.description)
  }

  @Test func timesAreRead() throws {
    for time in ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.5+02:00"] {
      #expect(try self.problems(metadata: "{creationTimestamp: '\(time)'}").isEmpty)
    }
    for time in ["yesterday", "''", "2020-01-01", "2020-01-01 00:00:00Z", "2020-01-01t00:00:00Z"] {
      for field in ["creationTimestamp", "deletionTimestamp"] {
        let problem = try self.problems(metadata: "{\(field): \(time)}").first ?? ""
        #expect(problem.hasPrefix("metadata.\(field): parsing time"), "\(time): \(problem)")
      }
    }
  }

  @Test func whatIsLeftOutIsCheckedAllTheSame() throws {
    #expect(
      try self.problems(
        metadata: "{managedFields: [{manager: m, time: '2020-01-01T00:00:00Z', fieldsV1: {a: 1}}]}",
        status: "{conditions: [{type: Ready, status: 'True', lastProbeTime: null}]}"
      ).isEmpty)
    #expect(
      try self.problems(
        metadata: "{managedFields: {}}",
        status: "{conditions: [{status: true}], containerStatuses: [{restartCount: '1'}]}") == [
          "metadata.managedFields: cannot unmarshal object into a field of type list",
          "status.conditions[0].status: cannot unmarshal bool into a field of type string",
          "status.containerStatuses[0].restartCount: cannot unmarshal string into a field of type int32",
        ])
  }

  @Test func aNumberWithAPointIsNoInteger() throws {
    let pod = try self.value(#"{"spec":{"terminationGracePeriodSeconds":30.0,"priority":1e2}}"#)
    var problems: [FieldProblem] = []
    _ = PodSchema.pod.decode(pod, at: "", problems: &problems)
    #expect(problems.map(\.field) == ["spec.priority", "spec.terminationGracePeriodSeconds"])
  }
}
