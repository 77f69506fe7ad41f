// What a reader can explore: matrices with the value under the pointer, matrices before and after some training, and
// results at other sizes. The numbers are those of the run. Without this script the pictures beside them remain.
(() => {
  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const svg = (name, attributes) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  let count = 0;
  const labelled = (text, control) => {
    control.id = `explore-${count++}`;
    return make('div', { class: 'control' }, make('label', { for: control.id }, text), control);
  };
  const visible = token => token.replace(/ /g, '␣').replace(/\n/g, '↵');

  // Blue for weights, red for what is below 0; white is 0, and the strongest entries are dark.
  const colour = (value, top) => {
    const part = Math.min(1, Math.abs(value) / top);
    const ends = value < 0 ? [165, 30, 20] : [0, 60, 120];
    return `rgb(${ends.map(end => Math.round(255 - (255 - end) * Math.sqrt(part))).join(',')})`;
  };

  const largest = matrices => Math.max(0.05, ...matrices.flat(2).map(Math.abs));

  // A matrix as a square of cells. `told` gets the row and the column under the pointer, or nothing.
  const grid = (rows, tokens, name, told, top = largest([rows])) => {
    const n = rows.length;
    const labels = n <= 40 ? 5 : 0;
    const box = svg('svg', {
      viewBox: `${-labels} 0 ${n + labels} ${n + labels}`, tabindex: 0, role: 'application',
      'aria-label': `${name}; the arrow keys move the place that is told`,
    });
    rows.forEach((row, t) => row.forEach((value, s) => {
      if (value !== 0) box.append(svg('rect', { x: s, y: t, width: 1.02, height: 1.02, fill: colour(value, top) }));
    }));
    if (labels) tokens.slice(0, n).forEach((token, t) => {
      const side = svg('text', { x: -0.3, y: t + 0.75, 'text-anchor': 'end', class: 'token' });
      side.textContent = visible(token);
      const below = svg('text', { transform: `translate(${t + 0.75} ${n + 0.3}) rotate(-90)`, 'text-anchor': 'end', class: 'token' });
      below.textContent = visible(token);
      box.append(side, below);
    });
    box.append(svg('rect', { x: 0, y: 0, width: n, height: n, class: 'frame' }));
    const mark = svg('rect', { width: 1, height: 1, class: 'mark', visibility: 'hidden' });
    box.append(mark);
    let place = [n - 1, 0];
    const tell = (t, s) => {
      place = [Math.max(0, Math.min(n - 1, t)), Math.max(0, Math.min(n - 1, s))];
      mark.setAttribute('x', place[1]);
      mark.setAttribute('y', place[0]);
      mark.setAttribute('visibility', 'visible');
      told(...place);
    };
    box.addEventListener('pointermove', event => {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(box.getScreenCTM().inverse());
      if (point.x >= 0 && point.y >= 0 && point.x < n && point.y < n) tell(Math.floor(point.y), Math.floor(point.x));
    });
    box.addEventListener('keydown', event => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      tell(place[0] + step[0], place[1] + step[1]);
    });
    return box;
  };

  const sentence = (tokens, t, s, value) =>
    `“${visible(tokens[t])}” (row ${t}) reads “${visible(tokens[s])}” (column ${s}): ${value.toFixed(3)}`;
  const chooser = names => make('select', {}, ...names.map((name, index) => make('option', { value: index }, name)));
  const readout = text => make('p', { class: 'told', 'aria-live': 'polite' }, text);
  const invitation = 'Point at an entry, or use the arrow keys, to read its value.';

  const matrices = (box, { tokens, _2: list }) => {
    const choice = chooser(list.map(matrix => matrix.name));
    const place = make('div', { class: 'grids' });
    const told = readout(invitation);
    const draw = () => {
      const { name, rows } = list[choice.value];
      place.replaceChildren(grid(rows, tokens, name, (t, s) => { told.textContent = sentence(tokens, t, s, rows[t][s]); }));
    };
    choice.addEventListener('change', draw);
    box.append(labelled('matrix', choice), place, told);
    draw();
  };

  const training = (box, { tokens, target, before, after }) => {
    const choice = chooser(before.map(matrix => matrix.name));
    const slider = make('input', { type: 'range', min: 0, max: 100, value: 50 });
    const [aim, place] = [make('div', { class: 'grids' }), make('div', { class: 'grids over' })];
    const told = readout(invitation);
    const draw = () => {
      const [wanted, first, last] = [target, before, after].map(list => list[choice.value].rows);
      const tell = (t, s) => {
        const values = `${wanted[t][s].toFixed(3)} in the target, ${first[t][s].toFixed(3)} before, ${last[t][s].toFixed(3)} after`;
        told.textContent = `“${visible(tokens[t])}” (row ${t}) reads “${visible(tokens[s])}” (column ${s}): ${values}`;
      };
      const top = largest([wanted]);
      const draw = (rows, name) => grid(rows, tokens, name, tell, top);
      aim.replaceChildren(make('p', {}, 'the target'), draw(wanted, 'the target'));
      place.replaceChildren(draw(first, 'before'), draw(last, 'after'));
      uncover();
    };
    const uncover = () => {
      place.lastChild.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
      place.style.setProperty('--edge', `${slider.value}%`);
    };
    slider.addEventListener('input', uncover);
    choice.addEventListener('change', draw);
    box.append(labelled('matrix', choice), labelled('left of the line after, right of it before', slider),
      make('div', { class: 'pair' }, aim, make('div', {}, make('p', {}, 'the student'), place)), told);
    draw();
  };

  const sizes = (box, { parameters, results }) => {
    const sliders = parameters.map(parameter =>
      make('input', { type: 'range', min: 0, max: parameter.values.length - 1, value: parameter.start }));
    const outputs = parameters.map(() => make('output'));
    const table = make('table');
    const draw = () => {
      let index = 0;
      parameters.forEach((parameter, k) => {
        index = index * parameter.values.length + Number(sliders[k].value);
        outputs[k].textContent = parameter.values[sliders[k].value].toLocaleString('en');
      });
      const values = results.map(result => result.values[index]);
      const largest = Math.max(...values);
      table.replaceChildren(...results.map((result, k) => {
        const bar = make('span', { class: 'bar' });
        bar.style.width = `${100 * values[k] / largest}%`;
        return make('tr', {}, make('th', { scope: 'row' }, result.name),
          make('td', { class: 'number' }, `${values[k].toLocaleString('en', { maximumSignificantDigits: 3 })} ${result.unit}`),
          make('td', { class: 'bars' }, bar));
      }));
    };
    parameters.forEach((parameter, k) => {
      const control = labelled(parameter.name, sliders[k]);
      control.append(outputs[k]);
      box.append(control);
      sliders[k].addEventListener('input', draw);
    });
    box.append(table);
    draw();
  };

  for (const box of document.querySelectorAll('.explore')) {
    const [[kind, content]] = Object.entries(JSON.parse(box.querySelector('script').textContent));
    box.append(make('p', { class: 'about' }, content.title));
    ({ matrices, training, sizes })[kind](box, content);
  }

  // A meaning that a mouse shows by itself is shown to a finger when it touches the letter.
  let note;
  document.addEventListener('pointerup', event => {
    note?.remove();
    const letter = event.pointerType === 'mouse' ? null : event.target.closest?.('abbr[title]');
    if (!letter) return;
    note = make('p', { class: 'meaning', role: 'status' }, `${letter.textContent}: ${letter.title}`);
    document.body.append(note);
  });
})();
