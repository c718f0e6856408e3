/// The order of keys and file names by their UTF-8 bytes, as Go sorts them; Swift compares characters.
package enum ByteOrder {
  package static func precedes<Value>(
    _ left: (key: String, value: Value), _ right: (key: String, value: Value)
  ) -> Bool {
    left.key.utf8.lexicographicallyPrecedes(right.key.utf8)
  }
}
