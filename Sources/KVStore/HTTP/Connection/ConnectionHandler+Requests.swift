import HTTPEndpoint
import NIOCore
import NIOHTTP1

/// How a request is answered: first a look at what a browser may have sent for a foreign page, then
/// authentication, then the keys, `/v2/auth` or a page.
extension ConnectionHandler {
  /// - Parameter requester: `nil` before authentication, and where the request needs none.
  func serve(_ request: Request, by requester: Requester?, context: ChannelHandlerContext) {
    let target = RequestTarget(request.head.target)
    if let refusal = self.pages.browserPolicy.refusal(
      of: .init(request.head, authority: target?.authority), on: self.listener)
    {
      self.report(.answered(.refusal(refusal)), context: context)
      return
    }
    let route = Route(request.head.method, target, at: self.purpose)
    let changesMembers =
      self.purpose == .clients && Route.changesMembers(request.head.method, target)
    var requester = requester
    if requester == nil, self.store.auth.isEnabled, route.needsRequester || changesMembers {
      switch self.store.auth.identify(
        request.head.authorization, certificateName: self.certificateName)
      {
      case .known(let known): requester = known
      case .claimed(let claim):
        let report = self.reporter(context: context)
        let channel = context.channel
        self.store.auth.verify(
          claim, address: channel.remoteAddress?.ipAddress ?? "", isWanted: { channel.isActive }
        ) { requester in report { .authenticated(requester) } }
        return
      }
    }
    switch route {
    case .keys(let method, let path):
      do throws(StoreError) {
        try self.serve(method, path, target, of: request, by: requester, context: context)
      } catch {
        self.report(.answered(.refusal(error)), context: context)
      }
    case .auth(let authRequest):
      let clusterID = self.pages.identity.clusterID
      let report = self.reporter(context: context)
      self.store.auth.answer(
        authRequest, query: target?.query, body: request.body, by: requester ?? .guest
      ) { result in report { .answered(.auth(result, clusterID: clusterID)) } }
    case .gateway(let method):
      let call = GatewayCall(isStream: method.isStream, channel: context.channel) { fact in
        if fact.endsCall { self.call = nil }
        self.report(fact, context: context)
      }
      call.begin(
        method, request, self.pages.services, certificateName: self.certificateName
      ) { self.call = $0 }
    case _ where changesMembers && requester.map(self.store.auth.isRoot) == false:
      let clusterID = self.pages.identity.clusterID
      self.report(
        .answered(.auth(.failure(.insufficientCredentials), clusterID: clusterID)),
        context: context)
    default:
      self.report(
        .answered(
          self.pages.response(
            to: route, method: request.head.method,
            reachedAt: context.channel.localAddress?.ipAddress)),
        context: context)
    }
  }

  private func serve(
    _ method: KeysRequest.Method, _ path: StorePath, _ target: RequestTarget?, of request: Request,
    by requester: Requester?, context: ChannelHandlerContext
  ) throws(StoreError) {
    let hasForm = method == .put || method == .post
    let form = try Form(
      query: target?.query, body: hasForm ? Array(request.body.readableBytesView) : nil,
      contentType: request.head.contentType, limit: self.limits.requestBytes)
    let now = self.store.clock.now
    let keysRequest = try KeysRequest(method, path: path, form: form, now: now)
    if let requester, let path = target?.path {
      let isAllowed = self.store.auth.allows(
        requester, method == .get || method == .head ? .read : .write,
        rawPath: path.dropFirst("/v2/keys".utf8.count),
        isRecursive: try KeysRequest.flag("recursive", in: form))
      guard isAllowed else { throw StoreError(.unauthorized, cause: "Insufficient credentials") }
    }
    switch keysRequest {
    case .get(let path, let isRecursive, let isSorted):
      let reading = try self.store.get(
        path, isRecursive: isRecursive, isSorted: isSorted, now: now
      ) {
        let report = self.reporter(context: context)
        return { reading in report { .answered(.reading(reading)) } }
      }
      if let reading { self.report(.answered(.reading(reading)), context: context) }
    case .watch(let path, let isRecursive, let isStream, let waitIndex):
      let report = self.loopReporter(context: context)
      let start = try self.store.watch(
        path, isRecursive: isRecursive, isStream: isStream, waitIndex: waitIndex,
        on: context.eventLoop
      ) { event, isLast in report(.event(event, isLast: isLast)) }
      self.report(
        .watchStarted(id: start.id, index: start.index, event: start.event, isStream: isStream),
        context: context)
    case .change(let command, let actionOnly):
      let report = self.loopReporter(context: context)
      let wall = self.store.wall
      self.store.submit(command, on: context.eventLoop) { result in
        report(.answered(.change(result, actionOnly: actionOnly, wall: wall)))
      }
    }
  }
}

extension BrowserPolicy.Request {
  fileprivate init(_ head: RequestHead, authority: String?) {
    self.init(
      method: head.method.rawValue, host: authority ?? head.host, origin: head.origin,
      fetchSite: head.fetchSite)
  }
}

extension Response {
  fileprivate static func refusal(_ refusal: BrowserPolicy.Refusal) -> Response {
    let status = HTTPResponseStatus(statusCode: refusal.status)
    return .text(status, "\(status.code) \(status.reasonPhrase): \(refusal)\n")
  }
}
