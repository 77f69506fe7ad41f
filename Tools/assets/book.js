// The search. Everything else on the pages is readable without a script.
(() => {
  const root = document.body.dataset.root;
  const input = document.querySelector('.search input');
  const found = document.querySelector('.found');
  if (!input || typeof searchItems === 'undefined') return;
  const show = () => {
    const words = input.value.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
    found.replaceChildren();
    found.hidden = words.length === 0;
    if (words.length === 0) return;
    const score = item => {
      const title = item.title.toLowerCase();
      let sum = 0;
      for (const word of words) {
        if (title.includes(word)) sum += 10;
        else if (item.names.includes(word)) sum += 5;
        else if (` ${item.words}`.includes(` ${word}`)) sum += 1;
        else return 0;
      }
      return sum;
    };
    const hits = searchItems.map(item => ({ item, score: score(item) })).filter(hit => hit.score > 0);
    hits.sort((a, b) => b.score - a.score);
    for (const { item } of hits.slice(0, 30)) {
      const link = document.createElement('a');
      link.href = root + item.page;
      link.textContent = item.title;
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
