/// The sizes of all loads.
package struct Sizes: Equatable, Sendable {
  /// The keys of the writes and of the mixed load.
  package var writtenKeys = 10_000
  /// Watchers of one key.
  package var watchers = [1, 100, 1000, 10_000]
  package var watchedKeys = 1000
  package var expiringKeys = 1000
  /// The keys for memory and start-up.
  package var storedKeys = 100_000
  /// The sizes of a growing store, in keys; the first is compared with the others.
  package var growth = [1000, 100_000, 1_000_000]

  package static let full = Sizes()
  /// Enough to check that everything works.
  package static let quick = Sizes(
    writtenKeys: 500, watchers: [1, 50], watchedKeys: 50, expiringKeys: 100, storedKeys: 2000,
    growth: [100, 1000])
}
