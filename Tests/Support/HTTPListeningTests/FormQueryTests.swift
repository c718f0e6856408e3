import HTTPListening
import Testing

@Suite struct FormQueryTests {
  @Test(
    arguments: [
      ("a=1&b=2", [["a", "1"], ["b", "2"]]), ("a=x+y%2Bz", [["a", "x y+z"]]),
      ("labelSelector=app+in+%28a%2Cb%29", [["labelSelector", "app in (a,b)"]]),
      ("a=b=c&&d", [["a", "b=c"], ["d", ""]]), ("%61+b=%C3%A9", [["a b", "é"]]),
      ("a=100%&b=%zz&c=%4", [["a", "100%"], ["b", "%zz"], ["c", "%4"]]), ("", []),
    ] as [(String, [[String]])])
  func isReadAsAForm(query: String, parameters: [[String]]) {
    #expect(FormQuery(query).parameters.map { [$0.name, $0.value] } == parameters)
  }

  @Test func theFirstValueCounts() {
    #expect(FormQuery("a=1&a=2")["a"] == "1")
    #expect(FormQuery("a=1")["b"] == nil)
    #expect(FormQuery(nil)["a"] == nil)
  }
}
