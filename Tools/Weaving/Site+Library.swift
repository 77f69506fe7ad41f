// # The pages of the library, and of documents
//
// A file of the library has its story beside its code; a document is Markdown. The first page is README.md.
//
// Read before: `Site.swift`.

import Foundation

extension Site {
  func layout(_ file: SourceFile) -> Layout {
    var layout = Layout(page: Address.page(of: file.path), title: file.title, path: file.path, kind: "library")
    let module = String(file.path.split(separator: "/")[1])
    let shelf = Address.link(from: layout.page, to: "library/index.html")
    layout.add("<h1>\(file.title.escaped)</h1>")
    layout.add(
      "<p class=\"file\"><a href=\"\(shelf)#\(module.anchor)\">\(module)</a> · \(file.path.escaped)</p>")
    let twins = source.declarations.twins(ofKernelsIn: file.path)
    if !twins.isEmpty {
      let links = twins.map { name, place in
        let page = Address.link(from: layout.page, to: Address.page(of: place.path))
        return
          "<a href=\"\(page)#\(Address.anchor(of: place.line, in: place.path))\"><code>\(name.escaped)</code></a>"
      }
      let isNaive = file.path.hasPrefix("Sources/Tensors/Naive/")
      layout.add(
        "<p class=\"twins\">\(isNaive ? "The fast versions" : "The slow twins, in plain loops"): \(links.joined(separator: ", "))</p>"
      )
    }
    add(file, to: &layout)
    return layout
  }

  /// Story and code of a file, side by side where there is room.
  func add(_ file: SourceFile, to layout: inout Layout) {
    var isOpen = false
    for part in file.parts {
      if part.isStory {
        layout.add(isOpen ? "</div><div class=\"pair\">" : "<div class=\"pair\">")
        isOpen = true
        layout.add("<div class=\"story\">")
        layout.parts.append(.prose(prose.add(file.story(part, withoutHeading: "# "))))
        layout.add("</div>")
      } else {
        if !isOpen { layout.add("<div class=\"pair\"><div class=\"story\"></div>") }
        isOpen = true
        layout.add(code.html(file, part.lines, on: layout.page))
      }
    }
    if isOpen { layout.add("</div>") }
  }
}

// ## Documents, and what stands where

extension Site {
  func layout(_ document: (file: String, page: String, title: String)) throws -> Layout {
    let text = try String(contentsOf: source.root.appending(path: document.file), encoding: .utf8)
    var layout = Layout(page: document.page, title: document.title, path: document.file, kind: "document")
    layout.parts.append(.prose(prose.add(text)))
    return layout
  }

  /// The first page: README.md, in which the list of chapters takes the place of its table.
  func contents() throws -> Layout {
    var layout = Layout(page: "index.html", title: "MOHAWK in Swift", path: "README.md", kind: "contents")
    let readme = try String(contentsOf: source.root.appending(path: "README.md"), encoding: .utf8)
    let (start, end) = ("<!-- the chapters -->", "<!-- end of the chapters -->")
    guard let table = readme.range(of: start), let rest = readme[table.upperBound...].range(of: end) else {
      throw WeavingError("README.md has no \(start) … \(end), where the list of chapters goes")
    }
    layout.parts.append(.prose(prose.add(String(readme[..<table.lowerBound]))))
    layout.add("<ol class=\"contents\">")
    for chapter in chapters {
      layout.add(
        "<li><a href=\"\(chapter.page)\"><b>\(chapter.number)</b> \(chapter.title.escaped)</a>"
          + (chapter.question.map { "<span>\($0.escaped)</span>" } ?? "") + "</li>")
    }
    layout.add("</ol><p>And <a href=\"library/index.html\">the library, file by file</a>.</p>")
    layout.parts.append(.prose(prose.add(String(readme[rest.upperBound...]))))
    return layout
  }

  func shelf() -> Layout {
    var layout = Layout(page: "library/index.html", title: "The library", path: "Sources", kind: "contents")
    layout.add("<h1>The library</h1>")
    layout.add(
      """
      <p>Each file is a page, its story beside its code. The reference of all public declarations, with their shapes, units \
      and errors, is made by <code>make api</code> in <code>out/api</code>; a browser reads it through a server: \
      <code>python3 -m http.server --directory out/api</code>, then \
      <a href="http://localhost:8000/documentation/">localhost:8000/documentation</a>.</p>
      """)
    let modules = Dictionary(grouping: library) { String($0.path.split(separator: "/")[1]) }
    for (module, files) in modules.sorted(by: { $0.key < $1.key }) {
      layout.add("<h2 id=\"\(module.anchor)\">\(module)</h2>")
      let folders = Dictionary(grouping: files) {
        $0.path.split(separator: "/").dropFirst(2).dropLast().joined(separator: "/")
      }
      for (folder, files) in folders.sorted(by: { $0.key < $1.key }) {
        layout.add("\(folder.isEmpty ? "" : "<h3>\(folder)</h3>")<ul class=\"shelf\">")
        for file in files {
          let link = Address.link(from: layout.page, to: Address.page(of: file.path))
          layout.add("<li><a href=\"\(link)\">\(file.title.escaped)</a> <code>\(file.path.fileName)</code></li>")
        }
        layout.add("</ul>")
      }
    }
    return layout
  }
}
