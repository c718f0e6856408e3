/// A checksum of 64 bits, seeded: a chain of checksums seeds each with the one before.
///
/// Source: XXH64 of the xxHash specification, version 0.1.1 (Yann Collet).
enum Checksum {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
    var offset = 0
    var hash: UInt64
    if bytes.count >= 32 {
      var (a, b) = (seed &+ self.prime1 &+ self.prime2, seed &+ self.prime2)
      var (c, d) = (seed, seed &- self.prime1)
      while offset + 32 <= bytes.count {
        a = self.round(a, self.word(bytes, offset))
        b = self.round(b, self.word(bytes, offset + 8))
        c = self.round(c, self.word(bytes, offset + 16))
        d = self.round(d, self.word(bytes, offset + 24))
        offset += 32
      }
      hash =
        self.rotate(a, 1) &+ self.rotate(b, 7) &+ self.rotate(c, 12) &+ self.rotate(d, 18)
      for lane in [a, b, c, d] {
        hash = (hash ^ self.round(0, lane)) &* self.prime1 &+ self.prime4
      }
    } else {
      hash = seed &+ self.prime5
    }
    hash &+= UInt64(bytes.count)
    while offset + 8 <= bytes.count {
      hash ^= self.round(0, self.word(bytes, offset))
      hash = self.rotate(hash, 27) &* self.prime1 &+ self.prime4
      offset += 8
    }
    if offset + 4 <= bytes.count {
      let half = UInt32(
        littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      hash ^= UInt64(half) &* self.prime1
      hash = self.rotate(hash, 23) &* self.prime2 &+ self.prime3
      offset += 4
    }
    while offset < bytes.count {
      hash ^= UInt64(bytes[offset]) &* self.prime5
      hash = self.rotate(hash, 11) &* self.prime1
      offset += 1
    }
    hash = (hash ^ hash >> 33) &* self.prime2
    hash = (hash ^ hash >> 29) &* self.prime3
    return hash ^ hash >> 32
  }

  private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
    self.rotate(lane &+ word &* self.prime2, 31) &* self.prime1
  }

  private static func rotate(_ word: UInt64, _ bits: UInt64) -> UInt64 {
    word &<< bits | word &>> (64 &- bits)
  }
}
