import Glibc

extension StoreTime {
  /// The instant as Go prints a time in UTC: nanoseconds without trailing zeros, `Z` at the end.
  var rfc3339: String {
    let (seconds, nanoseconds) = self.nanoseconds.quotientAndRemainderRoundedDown(by: 1_000_000_000)
    var time = tm()
    var whole = time_t(seconds)
    gmtime_r(&whole, &time)
    func padded(_ number: Int, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    var text =
      "\(padded(Int(time.tm_year) + 1900, 4))-\(padded(Int(time.tm_mon) + 1, 2))-"
      + "\(padded(Int(time.tm_mday), 2))T\(padded(Int(time.tm_hour), 2)):"
      + "\(padded(Int(time.tm_min), 2)):\(padded(Int(time.tm_sec), 2))"
    if nanoseconds != 0 {
      text += "." + padded(Int(nanoseconds), 9)
      while text.hasSuffix("0") { text.removeLast() }
    }
    return text + "Z"
  }
}

extension Int64 {
  fileprivate func quotientAndRemainderRoundedDown(by divisor: Int64) -> (Int64, Int64) {
    let (quotient, remainder) = self.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
