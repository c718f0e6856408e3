import FoundationEssentials

/// A line in `kubectl get events`. Source: Kubernetes API, `v1`; the text is client-go's `leaderelection`'s.
struct LeaseEvent: Codable, Equatable, Sendable {
  struct Metadata: Codable, Equatable, Sendable {
    var generateName: String
    var namespace: String
  }
  struct Object: Codable, Equatable, Sendable {
    var apiVersion: String
    var kind: String
    var namespace: String
    var name: String
    var uid: String?
  }
  struct Source: Codable, Equatable, Sendable {
    var component: String
    var host: String
  }
  var apiVersion = "v1"
  var kind = "Event"
  var metadata: Metadata
  var involvedObject: Object
  var reason = "LeaderElection"
  var message: String
  var type = "Normal"
  var source: Source
  var firstTimestamp: String
  var lastTimestamp: String
  var count = 1

  init(_ lease: LeaseObject, holder: String, now: Date) {
    let time = now.formatted(.iso8601)
    self.metadata = Metadata(
      generateName: lease.metadata.name + ".", namespace: lease.metadata.namespace)
    self.involvedObject = Object(
      apiVersion: lease.apiVersion, kind: lease.kind, namespace: lease.metadata.namespace,
      name: lease.metadata.name, uid: lease.metadata.uid)
    self.message = "\(holder) became leader"
    self.source = Source(component: "elector", host: holder)
    (self.firstTimestamp, self.lastTimestamp) = (time, time)
  }
}
