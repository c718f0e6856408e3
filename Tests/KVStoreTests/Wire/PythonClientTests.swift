import Foundation
import Subprocess
import TestSupport
import Testing

@testable import KVStore

/// Python's grpcio, which is the client of half of etcd's Python libraries, judges the wire.
@Suite(.takesTurns, .timeLimit(.minutes(10))) struct PythonClientTests {
  /// Python with grpcio; `nil` where it is not installed.
  private static func run(_ script: String, _ arguments: [String]) async throws -> (
    isSuccess: Bool, output: String
  ) {
    let result = try await Subprocess.run(
      .name("python3"), arguments: Arguments(["-c", script] + arguments),
      output: .string(limit: 1 << 20), error: .combinedWithOutput)
    return (result.terminationStatus.isSuccess, result.standardOutput)
  }

  private static func hasGRPC() async -> Bool {
    (try? await self.run("import grpc", []))?.isSuccess == true
  }

  private static let script = """
    import sys, grpc
    channel = grpc.insecure_channel(sys.argv[1], options=[("grpc.max_receive_message_length", -1)])
    unary = lambda name: channel.unary_unary("/test.Echo/" + name)
    stream = lambda name: channel.stream_stream("/test.Echo/" + name)
    def failure(call):
        try:
            call()
        except grpc.RpcError as error:
            return error.code().name, error.details()
        return "no failure"
    for size in (0, 1, 100, 70000, 2097152):
        assert unary("Unary")(b"x" * size) == b"x" * size, size
    assert len(unary("Large")(b"9000000")) == 9000000
    assert failure(lambda: unary("Unary")(b"x" * 2097153)) == (
        "RESOURCE_EXHAUSTED", "grpc: received message larger than max (2097153 vs. 2097152)")
    assert failure(lambda: unary("Nothing")(b"")) == (
        "UNIMPLEMENTED", "unknown method Nothing for service test.Echo")
    assert failure(lambda: unary("Refuse")(b"")) == ("PERMISSION_DENIED", "käse %\\n")
    assert failure(lambda: unary("Fail")(b"text")) == ("ABORTED", "text")
    assert failure(lambda: unary("Silent")(b"", timeout=0.3))[0] == "DEADLINE_EXCEEDED"
    for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        refusal = ("UNIMPLEMENTED", 'grpc: Decompressor is not installed for grpc-encoding "%s"'
            % compression.name.lower())
        for size in (1, 10000):
            assert failure(lambda: unary("Unary")(b"x" * size, compression=compression)) == refusal
            assert failure(lambda: next(stream("Stream")(
                iter([b"x" * size]), compression=compression))) == refusal
    messages = [b"m%d" % number for number in range(1000)]
    assert list(stream("Stream")(iter(messages))) == messages
    flood = stream("Flood")(iter([b"go"]))
    assert sum(len(next(flood)) for _ in range(2000)) == 2000000
    flood.cancel()
    futures = [unary("Unary").future(b"%d" % number) for number in range(500)]
    assert [future.result() for future in futures] == [b"%d" % number for number in range(500)]
    print("fine")
    """

  @Test func grpcioIsServed() async throws {
    guard await Self.hasGRPC() else { return }
    try await withEchoServer { server, log in
      let address = server.urls[0].replacing("http://", with: "")
      let result = try await Self.run(Self.script, [address])
      #expect(result.isSuccess, "\(result.output)")
      try await eventually { log.text.contains("Flood cancelled") }
    }
  }
}
