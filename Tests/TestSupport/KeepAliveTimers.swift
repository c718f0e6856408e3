import Foundation

/// The timers of TCP's keep-alive on this machine, as the kernel shows them.
public enum KeepAliveTimers {
  /// The kernel's table may lack lines while connections come and go: ask again.
  ///
  /// The seconds to the next question for each established IPv4 connection; `nil` for one without keep-alive.
  /// - Parameters:
  ///   - localPort: of the end that is asked about; `nil` for any.
  ///   - remotePort: of the other end.
  public static func ofConnections(
    localPort: Int? = nil, remotePort: Int? = nil
  ) throws -> [Double?] {
    func port(_ address: Substring) -> Int? { Int(address.suffix(4), radix: 16) }
    // The kernel gives it in pieces, and its size as 0.
    let file = try FileHandle(forReadingFrom: URL(filePath: "/proc/net/tcp"))
    let table = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
    return table.split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 5, fields[3] == "01", localPort.map({ port(fields[1]) == $0 }) ?? true,
        remotePort.map({ port(fields[2]) == $0 }) ?? true
      else { return nil }
      // Source: `get_tcp4_sock` of Linux: 2 is the keep-alive, and the time is in hundredths.
      let timer = fields[5].split(separator: ":")
      guard timer.count == 2, timer[0] == "02", let time = Int(timer[1], radix: 16) else {
        return .some(nil)
      }
      return .some(Double(time) / 100)
    }
  }
}
