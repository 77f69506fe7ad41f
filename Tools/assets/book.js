// The search. Everything else on the pages is readable without a script.
(() => {
  const root = document.body.dataset.root;
  const input = document.querySelector('.search input');
  const found = document.querySelector('.found');
  if (!input || typeof searchItems === 'undefined') return;
  const show = () => {
    const all = input.value.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
    // A short word means something only alone: "G" is a letter of the notation, "a" in a question is not.
    const words = all.length > 1 && all.some(word => word.length > 2) ? all.filter(word => word.length > 2) : all;
    found.replaceChildren();
    found.hidden = words.length === 0;
    if (words.length === 0) return;
    const score = item => {
      const title = item.title.toLowerCase();
      const names = ` ${item.names} `;
      const text = ` ${item.words} `;
      let sum = 0;
      for (const word of words) {
        const isLong = word.length > 1;
        if (isLong && title.includes(word)) sum += 10;
        else if (isLong && names.includes(` ${word} `)) sum += 8;
        else if (text.includes(` ${word} `)) sum += 3;
        else if (isLong && (names.includes(word) || text.includes(` ${word}`))) sum += 1;
        else return 0;
      }
      // Chapters and documents explain; a file of the library is found by its names.
      return item.path.startsWith('Sources/') ? sum : sum * 1.5;
    };
    const hits = searchItems.map(item => ({ item, score: score(item) })).filter(hit => hit.score > 0);
    hits.sort((a, b) => b.score - a.score);
    for (const { item } of hits.slice(0, 30)) {
      const link = document.createElement('a');
      link.href = root + item.page;
      const path = document.createElement('small');
      path.textContent = item.path;
      link.append(item.title, ' ', path);
      found.append(link);
    }
    if (hits.length === 0) found.textContent = 'nothing found';
  };
  input.addEventListener('input', show);
  document.addEventListener('keydown', event => {
    if (event.key === '/' && document.activeElement !== input) {
      event.preventDefault();
      input.focus();
    }
    if (event.key === 'Escape') { input.value = ''; show(); }
  });
})();
