import NIOCore
import NIOHPACK

/// What a client asks for by the headers of a stream.
enum StreamRequest: Equatable {
  case call(CallRequest)
  /// A request for a page, the keys or the gateway, as it might have come by HTTP/1.
  case page
  /// gRPC that no method can be found for.
  case refused(RPCStatus, contentType: String)
  /// The stream is reset with PROTOCOL_ERROR.
  case malformed
}

/// The headers of a call.
///
/// Source: gRPC over HTTP/2, `PROTOCOL-HTTP2.md`; where that leaves a choice, Go's gRPC.
struct CallRequest: Equatable {
  static let standardContentType = "application/grpc"

  /// `/etcdserverpb.KV/Range`.
  var path: String
  /// Of the answer: the client's, in the form `application/grpc+json`.
  var contentType = Self.standardContentType
  /// `grpc-timeout`.
  var timeout: TimeAmount?
  /// `grpc-encoding`, where it is not `identity`.
  var compression: String?
  /// `token` or `authorization`.
  var token: String?
}

extension StreamRequest {
  init(_ headers: HPACKHeaders) {
    var call = CallRequest(path: "")
    var contentType: String?
    var timeout: String?
    var isPost = false
    for (name, value, _) in headers {
      switch name {
      case ":path": call.path = value
      case ":method": isPost = value == "POST"
      case "content-type": contentType = value
      case "grpc-timeout": timeout = value
      case "grpc-encoding": call.compression = value == "identity" ? nil : value
      case "token": call.token = value
      case "authorization": call.token = call.token ?? value
      default: break
      }
    }
    guard let type = contentType.flatMap(CallRequest.answerType) else {
      // What looks like a call and is none would get the answer of a page, which its client cannot read.
      self = isPost && CallRequest.isMethod(call.path) ? .malformed : .page
      return
    }
    call.contentType = type
    if let timeout {
      guard let time = TimeAmount(grpcTimeout: timeout) else {
        self = .malformed
        return
      }
      call.timeout = time
    }
    guard call.path.utf8.dropFirst().contains(UInt8(ascii: "/")) else {
      self = .refused(
        RPCStatus(.resourceExhausted, "malformed method name: \"\(call.path)\""), contentType: type)
      return
    }
    self = .call(call)
  }
}

extension CallRequest {
  /// `application/grpc`, alone or with a suffix; `nil` for any other type.
  fileprivate static func answerType(_ type: String) -> String? {
    if type == self.standardContentType { return self.standardContentType }
    let type = type.lowercased()
    guard type.hasPrefix(self.standardContentType) else { return nil }
    let rest = type.utf8.dropFirst(self.standardContentType.utf8.count)
    switch rest.first {
    case nil: return self.standardContentType
    case UInt8(ascii: "+"), UInt8(ascii: ";"):
      return rest.count == 1
        ? self.standardContentType : "\(self.standardContentType)+\(Substring(rest.dropFirst()))"
    default: return nil
    }
  }

  /// `/package.Service/Method`, which is no path of a page.
  fileprivate static func isMethod(_ path: String) -> Bool {
    let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return parts.count == 3 && parts[0].isEmpty && parts[1].contains(UInt8(ascii: "."))
      && !parts[2].isEmpty
  }

  /// Why a call that has a method cannot be carried out.
  var refusal: RPCStatus? {
    self.compression.map {
      RPCStatus(
        .unimplemented, "grpc: Decompressor is not installed for grpc-encoding \"\($0)\"")
    }
  }
}

extension TimeAmount {
  /// One to eight digits and a unit.
  init?(grpcTimeout text: String) {
    let digits = text.utf8.dropLast()
    guard (1...8).contains(digits.count), let unit = text.utf8.last else { return nil }
    var number: Int64 = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      number = number * 10 + Int64(digit - UInt8(ascii: "0"))
    }
    switch unit {
    case UInt8(ascii: "n"): self = .nanoseconds(number)
    case UInt8(ascii: "u"): self = .microseconds(number)
    case UInt8(ascii: "m"): self = .milliseconds(number)
    case UInt8(ascii: "S"): self = .seconds(number)
    case UInt8(ascii: "M"): self = .minutes(number)
    // Ninety years: more does not fit into 64 bits of nanoseconds.
    case UInt8(ascii: "H"): self = .hours(min(number, 90 * 366 * 24))
    default: return nil
    }
  }
}
