import HTTPEndpoint

/// An etcd member's address, for example `http://127.0.0.1:2379`.
public typealias EtcdEndpoint = HTTPEndpoint

/// Why a text is not an ``EtcdEndpoint``.
public typealias EtcdEndpointError = HTTPEndpointError
