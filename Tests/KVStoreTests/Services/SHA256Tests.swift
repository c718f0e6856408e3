import Testing

@testable import KVStore

/// The examples of FIPS 180-4, and each length around a block.
@Suite struct SHA256Tests {
  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func itIsTheStandards(text: String, digest: String) {
    var hash = SHA256()
    hash.add(text.utf8)
    #expect(Self.hex(hash.digest()) == digest)
  }

  @Test func aMillionLettersInUnevenPieces() {
    var hash = SHA256()
    var (left, size) = (1_000_000, 1)
    while left > 0 {
      let count = min(left, size)
      hash.add(repeatElement(UInt8(ascii: "a"), count: count))
      left -= count
      size = size * 3 % 1_021 + 1
    }
    #expect(
      Self.hex(hash.digest())
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }
}
