import Foundation
import SeededRandom

/// Plays the kept inputs of a corpus, and then new ones that follow from a seed.
///
/// An input that fails is made smaller for as long as it fails, and kept: its file is to be committed, and every run
/// plays it from then on. `ZWEIMASTER_FUZZ_COUNT` says how many new inputs there are, and `ZWEIMASTER_FUZZ_SEED` repeats
/// those of a seed. With `ZWEIMASTER_FUZZ_COLLECT`, an input that reaches what no kept one does is kept as well.
public struct Fuzzer: Sendable {
  /// What became of an input.
  public struct Outcome: Sendable {
    /// What does not hold; `nil` when all does.
    public var problem: String?
    /// The branches that it took, by any names.
    public var reached: Set<String>

    public init(problem: String? = nil, reached: Set<String> = []) {
      self.problem = problem
      self.reached = reached
    }
  }

  private static let environment = ProcessInfo.processInfo.environment
  public static let count = environment["ZWEIMASTER_FUZZ_COUNT"].flatMap { Int($0) } ?? 20_000
  public static let seed =
    environment["ZWEIMASTER_FUZZ_SEED"].flatMap { UInt64($0) }
    ?? UInt64.random(in: 1...1_000_000_000)

  public static let collects = environment["ZWEIMASTER_FUZZ_COLLECT"] != nil

  private let corpus: URL
  private let collects: Bool
  private let play: @Sendable ([UInt8]) -> Outcome

  /// - Parameter corpus: a directory with a file for each input.
  public init(
    corpus: URL, collects: Bool = Self.collects, _ play: @escaping @Sendable ([UInt8]) -> Outcome
  ) {
    self.corpus = corpus
    self.collects = collects
    self.play = play
  }

  /// - Throws: ``TestFailure`` with the first input that fails, and its file.
  package func run(
    count: Int = Self.count, seed: UInt64 = Self.seed, make: (inout SeededGenerator) -> [UInt8]
  ) throws {
    var reached: Set<String> = []
    let files = try FileManager.default.contentsOfDirectory(
      at: self.corpus, includingPropertiesForKeys: nil)
    for file in files.sorted(by: { $0.path < $1.path }) {
      let outcome = self.play(Array(try Data(contentsOf: file)))
      if let problem = outcome.problem { throw TestFailure("\(file.path): \(problem)") }
      reached.formUnion(outcome.reached)
    }
    print("fuzz: ZWEIMASTER_FUZZ_SEED=\(seed), after \(files.count) kept inputs")
    var random = SeededGenerator(seed: seed)
    for _ in 0..<count {
      let input = make(&random)
      let outcome = self.play(input)
      if outcome.problem != nil {
        let least = Self.shrunk(input) { self.play($0).problem != nil }
        let file = try self.keep(least, as: "failed")
        throw TestFailure(
          "ZWEIMASTER_FUZZ_SEED=\(seed): \(self.play(least).problem ?? ""), kept as \(file)")
      }
      guard self.collects else { continue }
      for branch in outcome.reached.sorted() where reached.insert(branch).inserted {
        _ = try self.keep(
          Self.shrunk(input) { self.play($0).reached.contains(branch) }, as: branch)
      }
    }
  }

  /// Leaves parts out, first large ones and then single bytes, as long as the rest still does the same.
  private static func shrunk(_ input: [UInt8], while holds: ([UInt8]) -> Bool) -> [UInt8] {
    var least = input
    var length = least.count
    while length > 0 {
      var start = 0
      while start < least.count {
        let shorter = Array(least[..<start] + least.dropFirst(start + length))
        if holds(shorter) { least = shorter } else { start += length }
      }
      length /= 2
    }
    return least
  }

  private func keep(_ input: [UInt8], as name: String) throws -> String {
    let words = name.lowercased().split { !$0.isASCII || !($0.isLetter || $0.isNumber) }
    // FNV-1a: the same input has the same name.
    let hash = input.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
    let file = self.corpus.appending(
      path: "\(words.joined(separator: "-"))-\(String(hash, radix: 16))")
    try Data(input).write(to: file)
    return file.path
  }
}
