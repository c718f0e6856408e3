/// Names and addresses: DNS, and aliases of hosts.
extension PodValidation {
  mutating func check(dnsConfig config: ObjectField, policy: String) {
    let (servers, searches) = (config["nameservers"], config["searches"])
    if policy == "None" {
      guard config.isPresent else {
        return self.required(config, "must provide `dnsConfig` when `dnsPolicy` is None")
      }
      guard !servers.isEmpty else {
        return self.required(
          servers, "must provide at least one DNS nameserver when `dnsPolicy` is None")
      }
    }
    if servers.elements.count > 3 {
      self.invalid(servers, "must not have more than 3 nameservers")
    }
    for server in servers.elements { self.check(address: server) }
    if searches.elements.count > 32 {
      self.invalid(searches, "must not have more than 32 search paths")
    }
    if searches.elements.map(\.text).joined(separator: " ").utf8.count > 2048 {
      self.invalid(
        searches, "must not have more than 2048 characters (including spaces) in the search list")
    }
    for search in searches.elements { self.check(searchDomain: search) }
    for option in config["options"].elements where option["name"].text.isEmpty {
      self.required(option, "must not be empty")
    }
  }

  private mutating func check(searchDomain field: ObjectField) {
    let isRelaxed = self.rules.relaxesSearchDomains
    if isRelaxed, field.text == "." { return }
    let domain = field.text.hasSuffix(".") ? String(field.text.dropLast()) : field.text
    self.check(
      ObjectField(.string(domain), at: field.path),
      isRelaxed ? .subdomainWithUnderscores : .subdomain)
  }

  mutating func check(hostAliases aliases: ObjectField) {
    for alias in aliases.elements {
      if self.rules.numbersHostAliases {
        self.check(address: alias["ip"])
        for name in alias["hostnames"].elements { self.check(name, .subdomain) }
      } else {
        self.check(address: ObjectField(alias["ip"].value, at: aliases["ip"].path))
        for name in alias["hostnames"].elements {
          self.check(ObjectField(name.value, at: aliases["hostnames"].path), .subdomain)
        }
      }
    }
  }

  private mutating func check(address field: ObjectField) {
    if !IPAddress.isAddress(field.text) {
      self.invalid(field, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
    }
  }
}
