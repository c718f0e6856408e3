import APIServerClient

/// What a manifest is once it has been read, and what the HTTP endpoints answer.
public typealias JSONValue = APIServerClient.JSONValue
