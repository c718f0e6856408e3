/// How much there is of everything.
package struct Sizes: Equatable, Sendable {
  /// Over so many keys the writes and the mixed load go.
  package var writtenKeys = 10_000
  /// Watchers of one key.
  package var watchers = [1, 100, 1000, 10_000]
  package var watchedKeys = 1000
  package var expiringKeys = 1000
  /// For memory and start-up.
  package var storedKeys = 100_000
  /// From how many keys to how many the store grows; the first is what the others are compared with.
  package var growth = [1000, 100_000, 1_000_000]

  package static let full = Sizes()
  /// Enough to see that everything works.
  package static let quick = Sizes(
    writtenKeys: 500, watchers: [1, 50], watchedKeys: 50, expiringKeys: 100, storedKeys: 2000,
    growth: [100, 1000])
}
