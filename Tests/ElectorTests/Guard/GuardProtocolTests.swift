import Testing

@testable import Elector

@Suite struct GuardProtocolTests {
  static let requests = [
    GuardRequest(
      id: 1,
      .install(
        until: BootInstant(nanoseconds: 17), content: ManifestBytes(Array("kind".utf8), mode: 0o640)
      )),
    GuardRequest(
      id: .max, manifest: .max,
      .install(until: BootInstant(nanoseconds: 0), content: ManifestBytes([]))),
    GuardRequest(
      id: 8, manifest: 1,
      .install(
        until: BootInstant(nanoseconds: 9), content: ManifestBytes([1], mode: 0o644),
        before: BootInstant(nanoseconds: 7))),
    GuardRequest(id: 0x0102_0304, manifest: 7, .extend(until: BootInstant(nanoseconds: .max))),
    GuardRequest(id: 5, .extend(until: BootInstant(nanoseconds: -1))),
    GuardRequest(id: 0, manifest: 1, .remove),
  ]
  static let answers = [
    GuardAnswer(id: 1, .done), GuardAnswer(id: .max, .tooLate),
    GuardAnswer(id: 3, .failed(reason: "cannot write /a: Größe")),
    GuardAnswer(id: 4, .failed(reason: "")),
    GuardAnswer(id: 5, .failed(reason: "no space", isUntouched: true)),
  ]

  /// However the stream is cut.
  @Test(arguments: [1, 2, 3, 7, 1000]) func whatIsSentIsRead(pieces: Int) throws {
    let bytes = Self.requests.flatMap(\.bytes)
    var frames = GuardFrames()
    var read: [GuardRequest] = []
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      frames.append(bytes[start..<min(start + pieces, bytes.count)])
      while let message = try frames.next() { read.append(try GuardRequest(message)) }
    }
    #expect(read == Self.requests)
  }

  /// What a guard traces.
  @Test func aManifestIsNotPrinted() {
    let secret = GuardRequest(
      id: 1,
      .install(until: BootInstant(nanoseconds: 17), content: ManifestBytes(Array("PASSWORD".utf8))))
    for text in [
      "\(Guard.Event.requested(secret))", "\(Guard.Effect.install(secret))",
      "\(Guard.Event.installed(secret, .done))",
    ] {
      #expect(text.contains("8 bytes, mode 600"))
      // As text, and as numbers.
      #expect(!text.contains("PASSWORD") && !text.contains("80, 65, 83"))
    }
  }

  @Test func answersAreReadToo() throws {
    var frames = GuardFrames()
    frames.append(Self.answers.flatMap(\.bytes))
    var read: [GuardAnswer] = []
    while let message = try frames.next() { read.append(try GuardAnswer(message)) }
    #expect(read == Self.answers)
  }

  @Test func theBytesAreAsWrittenDown() {
    #expect(
      GuardRequest(id: 258, manifest: 3, .extend(until: BootInstant(nanoseconds: 1))).bytes
        == [0, 0, 0, 15, 2, 0, 0, 1, 2, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1])
    #expect(
      GuardAnswer(id: 2, .failed(reason: "no")).bytes
        == [0, 0, 0, 7, 3, 0, 0, 0, 2, UInt8(ascii: "n"), UInt8(ascii: "o")])
  }

  @Test(
    arguments: [
      ([0, 0, 0, 0], .tooShort), ([0, 0, 0, 1, 1], .tooShort),
      ([0, 0, 0, 7, 9, 0, 0, 0, 0, 0, 0], .unknownKind(9)),
      // An installation without all of its instant.
      ([0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0, 1, 2], .tooShort),
      ([0xFF, 0xFF, 0xFF, 0xFF], .tooLong(0xFFFF_FFFF)),
    ] as [([UInt8], GuardProtocolError)])
  func nonsenseIsNamed(_ bytes: [UInt8], _ error: GuardProtocolError) {
    #expect(throws: error) {
      var frames = GuardFrames()
      frames.append(bytes)
      while let message = try frames.next() { _ = try GuardRequest(message) }
    }
  }

  @Test func anUnfinishedMessageIsAwaited() throws {
    var frames = GuardFrames()
    frames.append(GuardRequest(id: 1, .remove).bytes.dropLast())
    #expect(try frames.next() == nil)
  }

  /// `ContinuousClock` counts as `CLOCK_BOOTTIME` does.
  @Test func aDeadlineIsTheSameOnBothClocks() {
    let (boot, continuous) = (BootInstant.now, ContinuousClock.now)
    let converted = BootInstant(continuous + .seconds(30)) - boot
    #expect(converted > .seconds(29) && converted < .seconds(31))
    let (bootLater, later) = (BootInstant.now - boot, ContinuousClock.now - continuous)
    #expect(abs((bootLater - later) / .seconds(1)) < 1)
    #expect(BootInstant.now + .seconds(2) - .now > .seconds(1))
  }
}
