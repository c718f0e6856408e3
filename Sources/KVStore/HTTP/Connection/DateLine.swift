import Glibc
import NIOCore
import Synchronization

/// The header line `Date`, made anew once a second.
final class DateLine: Sendable {
  private let made = Mutex((second: Int.min, line: ByteBuffer()))

  var now: ByteBuffer {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME_COARSE, &time)
    return self.made.withLock { made in
      if made.second != time.tv_sec { made = (time.tv_sec, Self.line(at: time.tv_sec)) }
      return made.line
    }
  }

  /// - Parameter second: since 1970.
  /// - Source: RFC 9110, `IMF-fixdate`.
  static func line(at second: Int) -> ByteBuffer {
    var (second, time) = (second, tm())
    gmtime_r(&second, &time)
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    func padded(_ number: Int32, _ width: Int = 2) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let day = "\(days[Int(time.tm_wday)]), \(padded(time.tm_mday)) \(months[Int(time.tm_mon)])"
    let clock = "\(padded(time.tm_hour)):\(padded(time.tm_min)):\(padded(time.tm_sec))"
    return ByteBuffer(string: "Date: \(day) \(padded(time.tm_year + 1900, 4)) \(clock) GMT\r\n")
  }
}
