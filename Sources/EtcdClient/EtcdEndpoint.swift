import HTTPEndpoint

/// Where an etcd member listens, for example `http://127.0.0.1:2379`.
public typealias EtcdEndpoint = HTTPEndpoint

/// Why a text is no ``EtcdEndpoint``.
public typealias EtcdEndpointError = HTTPEndpointError
