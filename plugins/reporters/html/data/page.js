// Unpacks the blocks, draws the charts and runs the reader. Texts of a run reach the page through textContent only.
(() => {
  'use strict';

  const $ = (id) => document.getElementById(id);

  // --- blocks -----------------------------------------------------------------------------------------------------------

  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&\'()*+,-./:;=>?@[]^_`{|}~';

  /** The bytes of block `id`: 13 bits in two characters, the lowest first; then zstd. */
  function unpack(id) {
    const block = $(id);
    const text = block.textContent;
    const bytes = new Uint8Array(Number(block.dataset.bytes));
    const value = new Uint8Array(128);
    for (let i = 0; i < ALPHABET.length; i++) value[ALPHABET.charCodeAt(i)] = i;
    let held = 0, bits = 0, out = 0;
    for (let i = 0; i + 1 < text.length; i += 2) {
      held |= (value[text.charCodeAt(i)] + 91 * value[text.charCodeAt(i + 1)]) << bits;
      for (bits += 13; bits >= 8 && out < bytes.length; bits -= 8, held >>>= 8) bytes[out++] = held & 255;
    }
    block.remove();
    return fzstd.decompress(bytes);
  }
  const decoder = new TextDecoder();
  const unpackJson = (id) => JSON.parse(decoder.decode(unpack(id)));
  /** Strings that end with NUL each. */
  function unpackStrings(id) {
    const all = decoder.decode(unpack(id)).split('\0');
    all.pop();
    return all;
  }

  function trouble(message) {
    $('trouble').hidden = false;
    $('trouble').textContent = message;
  }

  // --- how things are written -------------------------------------------------------------------------------------------

  const number = new Intl.NumberFormat('en-US', {maximumFractionDigits: 0});
  const short = new Intl.NumberFormat('en-US', {maximumSignificantDigits: 3});
  const percent = (share) => short.format(share * 100) + ' %';
  const counted = (n, noun) => number.format(n) + ' ' + noun + (n === 1 ? '' : 's');
  function money(usd) {
    if (usd === null || usd === undefined) return 'unknown';
    if (usd === 0) return '$0';
    return '$' + (usd >= 100 ? usd.toLocaleString('en-US', {minimumFractionDigits: 2, maximumFractionDigits: 2})
                             : usd.toLocaleString('en-US', {maximumSignificantDigits: 3}));
  }
  function duration(seconds) {
    if (seconds < 60) return short.format(seconds) + ' s';
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return minutes + ' min ' + Math.round(seconds % 60) + ' s';
    return Math.floor(minutes / 60) + ' h ' + (minutes % 60) + ' min';
  }
  const when = (ms) => ms ? new Date(ms).toISOString().replace('T', ' ').replace(/\.\d+Z$/, ' UTC') : 'unknown';
  const words = (code) => code.replace(/_/g, ' ');
  const cut = (text, most) => text.length > most ? text.slice(0, most - 1).trimEnd() + '…' : text;

  /** An element: properties, then children; strings become text. */
  function make(tag, properties, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(properties || {})) {
      if (value === undefined || value === null || value === false) continue;
      if (key === 'class') element.className = value;
      else if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
      else if (key === 'style') for (const [name, set] of Object.entries(value)) element.style.setProperty(name, set);
      else element.setAttribute(key, value === true ? '' : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }
  /** `columns`: [heading, of a row: text or element, is a number]. */
  function fill(table, columns, rows) {
    table.replaceChildren(
      make('thead', {}, make('tr', {}, ...columns.map(([name, , n]) => make('th', {scope: 'col', class: n && 'n'}, name)))),
      make('tbody', {}, ...rows.map((row) => make('tr', {}, ...columns.map(([, cell, n]) => make('td', {class: n && 'n'}, cell(row)))))));
  }

  // --- charts -----------------------------------------------------------------------------------------------------------

  const charts = [];  // {place, draw(width) → element, or nothing}
  function chart(name, draw) {
    const place = document.querySelector('[data-chart="' + name + '"]');
    charts.push({place, draw, width: 0});
  }
  function drawAll() {
    for (const one of charts) {
      const width = Math.floor(one.place.clientWidth);
      if (width === 0 || width === one.width) continue;
      one.width = width;
      const drawn = one.draw(width);
      if (drawn) one.place.replaceChildren(...[drawn].flat());
      else one.place.closest('figure').hidden = true;
      for (const svg of one.place.querySelectorAll('svg')) svg.setAttribute('role', 'img');
    }
  }
  const none = (text) => make('p', {class: 'none'}, text);
  const swatches = (entries) => make('ul', {class: 'swatches'}, ...entries.map(([name, colour, line]) =>
    make('li', {}, make('i', {class: line && 'line', style: {'--swatch': colour}}), name)));

  const data = unpackJson('figures');
  const labels = data.labels;
  const labelName = (code) => (labels.find((label) => label.code === code) || {name: code}).name;
  const usdOf = (rows) => rows.reduce((sum, row) => sum + row.usd, 0);
  const unknownOf = (rows) => rows.reduce((sum, row) => sum + row.unknown, 0);

  function showTiles() {
    const run = data.run;
    const wasted = data.money.reduce((sum, row) => sum + row.calls, 0) === 0;
    const unknown = unknownOf(data.money);
    const tile = (value, name, more) => make('div', {class: 'tile'}, make('b', {}, value), make('span', {}, name), more ? make('small', {}, more) : null);
    const texts = pairsOf(data.words.texts);
    const total = texts.reduce((sum, [, n]) => sum + n, 0);
    const mean = total ? texts.reduce((sum, [w, n]) => sum + w * n, 0) / total : 0;
    const warned = data.findings.reduce((sum, one) => sum + one.accepted, 0);
    $('tiles').append(
      tile(number.format(run.accepted), 'samples', 'of ' + number.format(run.samples) + ' asked for' + (run.missing ? ', ' + number.format(run.missing) + ' missing' : '')),
      tile(number.format(labels.filter((label) => label.carried > 0).length), 'labels', 'of ' + labels.length + ' in ' + run.taxonomy),
      tile(total ? number.format(mean) : 'none', 'words on average', total && data.words.targets.length ? percent(data.words.below_target / total) + ' below the target' : ''),
      tile(wasted ? '$0' : unknown && !usdOf(data.money) ? 'unknown' : money(usdOf(data.money)), 'spent', wasted ? 'nothing was bought' : unknown ? counted(unknown, 'answer') + ' of unknown price' : run.accepted ? money(usdOf(data.money) / run.accepted) + ' a sample' : ''),
      tile(duration(run.seconds), 'time', run.sessions > 1 ? 'in ' + run.sessions + ' sessions' : run.seconds > 0 && run.accepted ? short.format(run.accepted / run.seconds) + ' samples a second' : ''),
      tile(number.format(warned), 'warnings', 'on accepted texts'),
      tile(number.format(data.failures_in_all), 'failed attempts', 'refused, rejected, unanswered'));
    $('summary').textContent = [run.model || run.provider, run.endpoint, 'seed ' + run.seed].filter(Boolean).join(' · ');
    $('colophon').textContent = ['Run ' + run.name, 'plan ' + run.plan_digest.slice(0, 16), run.disclaimer,
      run.prices_as_of ? 'prices of ' + run.prices_as_of : ''].filter(Boolean).join(' · ');
  }
  /** [a, b, a, b, …] → [[a, b], …] */
  function pairsOf(flat) {
    const out = [];
    for (let i = 0; i < flat.length; i += 2) out.push([flat[i], flat[i + 1]]);
    return out;
  }

  function byLabel(code) {
    setMode(false);
    $('f-label').value = code;
    applyFilters();
    $('reader').scrollIntoView();
  }

  /** Plot's 10 px are small. */
  const kStyle = {fontSize: '12px'};
  const kTip = {fill: 'var(--ground)', stroke: 'var(--line)', lineWidth: 30, fontSize: 12};

  function labelCharts() {
    const positive = labels.filter((label, i) => i !== data.negative);
    const made = positive.map((label) => label.made);
    const short_of = labels.filter((label) => label.made < label.target);
    const [least, most] = [Math.min(...made), Math.max(...made)];
    $('labels-lead').textContent = (least === most ? counted(most, 'sample') + ' for every label' : number.format(least) + ' to ' + counted(most, 'sample') + ' a label') +
      (short_of.length ? '; ' + counted(short_of.length, 'label') + ' short of the target.' : '; every target is met.') +
      ' Choose a bar to read the samples of a label.';
    fill($('labels-table'), [
      ['Label', (label) => make('button', {type: 'button', onclick: () => byLabel(label.code)}, label.name)],
      ['Group', (label) => label.group],
      ['Target', (label) => number.format(label.target), true],
      ['Made', (label) => number.format(label.made), true],
      ['With parents', (label) => number.format(label.carried), true],
      ...(data.reference ? [['In ' + data.reference.name, (label) => number.format(data.reference.labels[labels.indexOf(label)]), true]] : []),
    ], labels);

    const scale = data.reference && data.run.accepted ? data.run.accepted / Math.max(1, data.reference.documents) : 0;
    chart('labels', (width) => {
      const narrow = width < 480;
      const rows = labels.map((label, i) => ({...label, i, shown: cut(label.name, narrow ? 22 : 36)}));
      const more = (row) => row.carried !== row.made ? ', ' + number.format(row.carried) + ' with parents' : '';
      const svg = Plot.plot({
        width, height: 44 + rows.length * 19, marginLeft: narrow ? 150 : 232, marginRight: 16, marginTop: 40, marginBottom: 4, style: kStyle,
        ariaLabel: 'Samples by label and their target',
        x: {label: 'samples', axis: 'top', grid: true, nice: true, ticks: narrow ? 4 : 8, tickFormat: 'd'},
        y: {label: null, domain: rows.map((row) => row.i), tickFormat: (i) => rows[i].shown, tickSize: 0},
        marks: [
          Plot.barX(rows, {x: 'made', y: 'i', fill: 'var(--s0)', insetTop: 2, insetBottom: 2}),
          Plot.tickX(rows, {x: 'target', y: 'i', stroke: 'var(--ink)', strokeWidth: 2}),
          ...(scale ? [Plot.dot(rows, {x: (row) => data.reference.labels[row.i] * scale, y: 'i', stroke: 'var(--s1)', strokeWidth: 2, r: 3.5})] : []),
          Plot.tip(rows, Plot.pointerY({x: 'made', y: 'i', ...kTip, title: (row) => row.name + '\n' + number.format(row.made) + ' of ' + number.format(row.target) + more(row)})),
        ],
      });
      svg.querySelectorAll('[aria-label="bar"] rect').forEach((bar, i) => {
        bar.classList.add('clickable');
        bar.addEventListener('click', () => byLabel(rows[i].code));
      });
      return [swatches([['made', 'var(--s0)'], ['target', 'var(--ink)', true], ...(scale ? [[data.reference.name + ', scaled to as many documents', 'var(--s1)']] : [])]), svg];
    });

    const cells = [];
    let highest = 0;
    for (let i = 0; i < data.pairs.length; i += 3) {
      const [a, b, n] = data.pairs.slice(i, i + 3);
      cells.push({a, b, n}, {a: b, b: a, n});
      highest = Math.max(highest, n);
    }
    $('pairs-key').textContent = cells.length ? 'Darker: more samples carry both, ' + number.format(highest) + ' at most. Blank: no sample does.' : '';
    const met = labels.map((label, i) => i).filter((i) => cells.some((cell) => cell.a === i));
    chart('pairs', (width) => {
      if (!cells.length) return none('No sample carries more than one label.');
      const margin = 168;
      const side = Math.min(Math.max(width, margin + met.length * 10.4), 760);
      return Plot.plot({
        style: {fontSize: '10.5px'}, width: side, height: side, marginLeft: margin, marginTop: margin, marginRight: 6, marginBottom: 4,
        ariaLabel: 'Heat map: how many samples carry each pair of labels',
        x: {label: null, axis: 'top', domain: met, tickFormat: (i) => cut(labels[i].name, 28), tickRotate: -90, tickSize: 0},
        y: {label: null, domain: met, tickFormat: (i) => cut(labels[i].name, 28), tickSize: 0},
        marks: [
          Plot.gridX({stroke: 'var(--line)', strokeOpacity: 0.5}), Plot.gridY({stroke: 'var(--line)', strokeOpacity: 0.5}),
          Plot.cell(cells, {x: 'a', y: 'b', fill: 'var(--s0)', fillOpacity: (cell) => 0.12 + 0.88 * Math.sqrt(cell.n / highest), inset: 0.5}),
          Plot.tip(cells, Plot.pointer({x: 'a', y: 'b', ...kTip, title: (cell) => labels[cell.a].name + '\n' + labels[cell.b].name + '\n' + counted(cell.n, 'sample')})),
        ],
      });
    });
  }

  function lengthChart() {
    const texts = pairsOf(data.words.texts);
    const total = texts.reduce((sum, [, n]) => sum + n, 0);
    const targets = pairsOf(data.words.targets).sort((a, b) => b[1] - a[1]);
    const reference = data.reference ? pairsOf(data.reference.words) : [];
    const all = data.reference ? data.reference.documents : 0;
    const quantile = (pairs, whole, part) => {
      let rank = Math.floor((whole - 1) * part);
      for (const [w, n] of pairs) { if (rank < n) return w; rank -= n; }
      return 0;
    };
    $('length-lead').textContent = total ? 'Half of the texts have ' + number.format(quantile(texts, total, 0.25)) + ' to ' + number.format(quantile(texts, total, 0.75)) + ' words; ' +
      number.format(texts[0][0]) + ' to ' + number.format(texts[texts.length - 1][0]) + ' in all.' +
      (targets.length ? ' The target' + (targets.length === 1 || targets[0][1] === total ? ' is ' : ' is mostly ') + number.format(targets[0][0]) + '; ' + counted(data.words.below_target, 'text') + ' (' + percent(data.words.below_target / total) + ') below it.' : '') +
      (all ? ' ' + data.reference.name + ': ' + counted(all, 'document') + ', half with ' + number.format(quantile(reference, all, 0.25)) + ' to ' + number.format(quantile(reference, all, 0.75)) + ' words.' : '')
      : 'There are no texts.';
    chart('words', (width) => {
      if (!total) return none('There are no texts.');
      const low = Math.min(texts[0][0], reference.length ? quantile(reference, all, 0.02) : Infinity);
      const high = Math.max(texts[texts.length - 1][0], targets.length ? targets[0][0] : 0, reference.length ? quantile(reference, all, 0.95) : 0);
      const bins = d3.bin().domain([low, high + 1]).thresholds(width < 480 ? 24 : 48);
      const edges = bins([low, high]).map((bin) => [bin.x0, bin.x1]);
      const inBins = (pairs, whole) => edges.map(([x0, x1], i) => ({x0, x1: i + 1 === edges.length ? Math.max(x1, x0 + 1) : x1,
        n: pairs.reduce((sum, [w, n]) => sum + (w >= x0 && (w < x1 || i + 1 === edges.length) ? n : 0), 0), whole}));
      const own = inBins(texts, total), other = reference.length ? inBins(reference, all) : [];
      const share = other.length > 0;
      const y = (bin) => share ? bin.n / bin.whole * 100 : bin.n;
      return [swatches([['this run', 'var(--s0)'], ...(targets.length ? [['target', 'var(--s3)', true]] : []), ...(share ? [[data.reference.name, 'var(--s1)', true]] : [])]),
        Plot.plot({
          style: kStyle, width, height: 260, marginLeft: 52, marginBottom: 40, ariaLabel: 'Histogram of the words of the texts',
          x: {label: 'words', nice: false, ticks: width < 480 ? 5 : 10}, y: {label: share ? '% of the texts' : 'texts', grid: true, zero: true},
          marks: [
            Plot.rectY(own, {x1: 'x0', x2: 'x1', y1: 0, y2: y, fill: 'var(--s0)', insetLeft: 0.5, insetRight: 0.5}),
            ...(share ? [Plot.line(other.flatMap((bin) => [[bin.x0, y(bin)], [bin.x1, y(bin)]]), {stroke: 'var(--s1)', strokeWidth: 2})] : []),
            Plot.ruleX(targets.filter((one) => one[1] >= total / 20), {x: (one) => one[0], stroke: 'var(--s3)', strokeWidth: 2, strokeDasharray: '5,3'}),
            Plot.ruleY([0], {stroke: 'var(--line)'}),
            Plot.tip(own, Plot.pointerX({x: (bin) => (bin.x0 + bin.x1) / 2, y, ...kTip, title: (bin) => number.format(bin.x0) + ' to ' + number.format(bin.x1) + ' words\n' + counted(bin.n, 'text')})),
          ],
        })];
    });
  }

  /** Lists the rejected or the accepted texts for which the select of that name has `value`, when there are some. */
  function listOnly(rejected, name, value) {
    const select = $(name), before = isRejectedMode();
    setMode(rejected);
    if (![...select.options].some((option) => option.value === value)) return setMode(before);
    clearFilters();
    select.value = value;
    applyFilters();
    $('reader').scrollIntoView();
  }
  const byFinding = (key, rejected) => listOnly(rejected, 'f-finding', key);
  const byReason = (reason) => listOnly(true, 'f-reason', reason);
  const findingKey = (finding) => finding.validator + '/' + finding.code;
  const findingName = (finding) => (finding.validator ? finding.validator + ': ' : '') + words(finding.code);

  function findingCharts() {
    const found = data.findings;
    const sum = (rows, key) => rows.reduce((all, row) => all + row[key], 0);
    $('findings-lead').textContent = found.length
      ? number.format(sum(found, 'accepted')) + ' warnings on accepted texts, ' + number.format(sum(found, 'rejected')) + ' findings on rejected attempts. A text can have several.'
      : 'No validator found anything.';
    fill($('findings-table'), [
      ['Validator', (row) => row.validator], ['Finding', (row) => words(row.code)], ['Label', (row) => row.label ? labelName(row.label) : 'whole text'],
      ['Accepted texts', (row) => row.accepted ? make('button', {type: 'button', onclick: () => byFinding(findingKey(row), false)}, number.format(row.accepted)) : '0', true],
      ['Rejected attempts', (row) => row.rejected && readable.finding.has(findingKey(row)) ? make('button', {type: 'button', onclick: () => byFinding(findingKey(row), true)}, number.format(row.rejected)) : number.format(row.rejected), true],
    ], [...found].sort((a, b) => b.accepted + b.rejected - a.accepted - a.rejected));
    if (!found.length) $('findings-table').closest('details').hidden = true;
    const kinds = [...d3.group(found, findingKey)].map(([key, rows]) => ({key, name: findingName(rows[0]), rows, accepted: sum(rows, 'accepted'), rejected: sum(rows, 'rejected')}))
      .sort((a, b) => b.accepted + b.rejected - a.accepted - a.rejected).slice(0, 40);
    chart('findings', (width) => {
      if (!kinds.length) return null;
      const parts = kinds.flatMap((kind, i) => [{i, n: kind.accepted, what: 'accepted'}, {i, n: kind.rejected, what: 'rejected'}]).filter((part) => part.n > 0);
      const svg = Plot.plot({
        style: kStyle, width, height: 56 + kinds.length * 26, marginLeft: Math.min(width * 0.48, 240), marginRight: 16, marginBottom: 40, ariaLabel: 'Findings by validator',
        x: {label: 'findings', grid: true, tickFormat: 'd', ticks: 5}, y: {label: null, domain: kinds.map((kind, i) => i), tickFormat: (i) => cut(kinds[i].name, width < 480 ? 24 : 32), tickSize: 0},
        marks: [
          Plot.barX(parts, Plot.stackX({x: 'n', y: 'i', fill: (part) => part.what === 'accepted' ? 'var(--s1)' : 'var(--s3)', insetTop: 3, insetBottom: 3, order: 'what'})),
          Plot.tip(kinds, Plot.pointerY({x: (kind) => kind.accepted + kind.rejected, y: (kind) => kinds.indexOf(kind), ...kTip, title: (kind) => kind.name + '\n' + number.format(kind.accepted) + ' on accepted texts\n' + number.format(kind.rejected) + ' on rejected attempts'})),
        ],
      });
      svg.querySelectorAll('[aria-label="bar"] rect').forEach((bar, i) => {
        bar.classList.add('clickable');
        bar.addEventListener('click', () => byFinding(kinds[parts[i].i].key, parts[i].what === 'rejected'));
      });
      return [swatches([['warnings on accepted texts', 'var(--s1)'], ['on rejected attempts', 'var(--s3)']]), svg];
    });
    const cells = found.filter((row) => row.label).map((row) => ({label: labelName(row.label), kind: findingName(row), n: row.accepted + row.rejected, code: row.label, row}));
    const rows = [...d3.rollup(cells, (all) => d3.sum(all, (cell) => cell.n), (cell) => cell.label)].sort((a, b) => b[1] - a[1]).map(([label]) => label);
    const columns = [...new Set(cells.map((cell) => cell.kind))];
    const highest = Math.max(1, ...cells.map((cell) => cell.n));
    chart('findings-labels', (width) => {
      if (!cells.length) return null;
      const margin = width < 480 ? 160 : 210;
      return Plot.plot({
        style: kStyle, width: Math.max(width, margin + columns.length * 92), height: 60 + rows.length * 21, marginLeft: margin, marginTop: 46, marginRight: 8, ariaLabel: 'Findings by label',
        x: {label: null, axis: 'top', domain: columns, tickFormat: (name) => name.split(': ').map((part) => cut(part, 15)).join('\n'), tickSize: 0}, y: {label: null, domain: rows, tickFormat: (name) => cut(name, width < 480 ? 23 : 32), tickSize: 0},
        marks: [
          Plot.cell(cells, {x: 'kind', y: 'label', fill: 'var(--s1)', fillOpacity: (cell) => 0.12 + 0.6 * Math.sqrt(cell.n / highest), inset: 1}),
          Plot.text(cells, {x: 'kind', y: 'label', text: (cell) => number.format(cell.n), fill: 'var(--ink)'}),
        ],
      });
    });
  }

  /** Time that the run was at work, in seconds: pauses between sessions are cut out. */
  function clock() {
    const times = [...data.time.slices.map((slice) => slice[0]), ...data.events.map((event) => event[0])].sort((a, b) => a - b);
    const pauses = [];
    for (const [at, kind] of data.events) {
      if (kind !== 'started') continue;
      const before = times[d3.bisectLeft(times, at) - 1];
      if (before !== undefined && at - before > 5000) pauses.push([before + data.time.slice_ms, at]);
    }
    const begin = times.length ? times[0] : 0;
    const seconds = (ms) => (ms - begin - pauses.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(ms, to) - from), 0)) / 1000;
    const last = times.length ? seconds(times[times.length - 1]) + data.time.slice_ms / 1000 : 0;
    const [unit, name] = last < 180 ? [1, 'seconds'] : last < 7200 ? [60, 'minutes'] : [3600, 'hours'];
    return {at: (ms) => seconds(ms) / unit, end: last / unit, unit, name, pauses: pauses.map(([, to]) => seconds(to) / unit)};
  }

  function timeCharts() {
    const run = data.run;
    const time = clock();
    const slices = data.time.slices;
    const width_ms = data.time.slice_ms;
    const bought = data.money.reduce((sum, row) => sum + row.calls, 0);
    const total = {usd: usdOf(data.money), reserved: data.money.reduce((sum, row) => sum + row.reserved_usd, 0) + run.unaccounted_usd, unknown: unknownOf(data.money)};
    const asks = data.money.filter((row) => row.role !== 'write' && row.calls);
    const unusable = data.reasons.filter((row) => row.role === 'write' && row.calls);
    $('cost-lead').textContent = [
      bought ? (total.unknown && !total.usd ? 'The price of ' + counted(total.unknown, 'answer') + ' is not known' : money(total.usd) + ' for ' + counted(bought, 'answer') + (total.unknown ? ', and ' + total.unknown + ' of unknown price' : '')) : 'Nothing was bought: no request left this machine',
      unusable.length ? money(usdOf(unusable)) + ' of it for ' + counted(unusable.reduce((sum, row) => sum + row.calls, 0), 'text') + ' that could not be used' : '',
      asks.length ? money(usdOf(asks)) + ' for questions of validators (' + asks.map((row) => row.role).join(', ') + ')' : '',
      total.reserved ? money(total.reserved) + ' reserved for requests without an answer' : '',
    ].filter(Boolean).join('; ') + '. ' + duration(run.seconds) + ' at work' + (run.sessions > 1 ? ' in ' + run.sessions + ' sessions' : '') + '.';

    const cumulative = (of) => {
      let sum = 0;
      // Flat between slices, in which nothing happened.
      return [[0, 0], ...slices.flatMap((slice) => [[time.at(slice[0]), sum], [time.at(slice[0] + width_ms), sum += of(slice)]])];
    };
    const step = (of) => { const points = cumulative(of); return points[points.length - 1][1] ? points : []; };
    const base = (width, y, marks) => Plot.plot({
      style: kStyle, width, height: 230, marginLeft: 60, marginBottom: 40,
      x: {label: time.name, domain: [0, time.end || 1], ticks: width < 480 ? 5 : 8}, y: {grid: true, zero: true, nice: true, ...y}, ariaLabel: y.label + ' over time',
      marks: [Plot.ruleY([0], {stroke: 'var(--line)'}), Plot.ruleX(time.pauses, {stroke: 'var(--soft)', strokeDasharray: '2,4'}), ...marks],
    });
    const line = (points, colour, more) => Plot.line(points, {x: '0', y: '1', stroke: colour, strokeWidth: 2, ...more});
    const tip = (points, format) => Plot.tip(points, Plot.pointerX({x: '0', y: '1', ...kTip, title: (point) => format(point[1]) + '\nafter ' + short.format(point[0]) + ' ' + time.name}));
    const pauses = time.pauses.length ? [['pause', 'var(--soft)', true]] : [];

    chart('progress', (width) => {
      const made = step((slice) => slice[1]), lost = step((slice) => slice[2]);
      if (!made.length && !lost.length) return null;
      return [swatches([['accepted', 'var(--s2)', true], ...(lost.length ? [['failed attempts', 'var(--s3)', true]] : []), ...pauses]),
        base(width, {label: 'samples'}, [line(made, 'var(--s2)'), line(lost, 'var(--s3)', {strokeDasharray: '6,3'}), tip(made, (n) => counted(n, 'sample'))])];
    });
    chart('cost', (width) => {
      const spent = step((slice) => slice[8]);
      return spent.length ? base(width, {label: 'US dollars'}, [Plot.areaY(spent, {x: '0', y: '1', fill: 'var(--s0)', fillOpacity: 0.15}), line(spent, 'var(--s0)'), tip(spent, money)]) : null;
    });
    chart('tokens', (width) => {
      const input = step((slice) => slice[6]), output = step((slice) => slice[7]);
      if (!input.length && !output.length) return null;
      return [swatches([['out', 'var(--s0)', true], ['in', 'var(--s1)', true]]),
        base(width, {label: 'tokens', tickFormat: 's'}, [line(output, 'var(--s0)'), line(input, 'var(--s1)', {strokeDasharray: '6,3'}), tip(output, (n) => number.format(n) + ' tokens out')])];
    });

    // In flight on average in each slice; between slices nothing begins or ends.
    const flying = [];
    let now = 0;
    for (const slice of slices) {
      flying.push({from: time.at(slice[0]), to: time.at(slice[0] + width_ms), n: now + slice[9] / width_ms});
      now += slice[4] - slice[5];
      flying.push({from: time.at(slice[0] + width_ms), to: null, n: now});
    }
    flying.forEach((one, i) => { if (one.to === null) one.to = i + 1 < flying.length ? flying[i + 1].from : one.from; });
    const events = data.events.map(([ms, kind, detail]) => ({at: time.at(ms), ms, kind, detail}));
    const limit = [];
    for (const event of events) {
      const size = /(?:window|now) ([\d,]+)/.exec(event.detail);
      if ((event.kind === 'window' || event.kind === 'started') && size) limit.push([event.at, Number(size[1].replace(/,/g, ''))]);
    }
    if (limit.length) limit.push([time.end, limit[limit.length - 1][1]]);
    const sent = slices.some((slice) => slice[5] > 0);
    const waits = slices.filter((slice) => slice[3] > 0).map((slice) => ({at: time.at(slice[0] + width_ms / 2), n: slice[3]}));
    chart('window', (width) => {
      if (!sent) return null;
      const used = flying.filter((one) => one.to > one.from || one.n > 0);
      return [swatches([['in flight', 'var(--s0)'], ['window', 'var(--ink)', true], ...(waits.length ? [['told to wait', 'var(--s3)', true]] : []), ...pauses]),
        base(width, {label: 'requests'}, [
          Plot.rectY(used, {x1: 'from', x2: 'to', y1: 0, y2: 'n', fill: 'var(--s0)', fillOpacity: 0.55, inset: 0}),
          line(limit, 'var(--ink)', {curve: 'step-after'}),
          Plot.ruleX(waits, {x: 'at', y1: 0, y2: d3.max(used, (one) => one.n) || 1, stroke: 'var(--s3)', strokeOpacity: 0.7}),
          Plot.tip(used, Plot.pointerX({x: (one) => (one.from + one.to) / 2, y: 'n', ...kTip, title: (one) => short.format(one.n) + ' in flight\nafter ' + short.format(one.from) + ' ' + time.name})),
        ])];
    });
    const stated = (pattern) => {
      const points = [];
      for (const event of events) {
        const match = event.kind === 'limits' && pattern.exec(event.detail);
        if (match) points.push([event.at, Number(match[1].replace(/,/g, ''))]);
      }
      if (points.length) points.push([time.end, points[points.length - 1][1]]);
      return points;
    };
    const perMinute = (of) => {
      const bins = 60, size = (time.end || 1) / bins, rates = new Array(bins).fill(0);
      for (const slice of slices) rates[Math.min(bins - 1, Math.floor(time.at(slice[0]) / size))] += of(slice);
      return rates.map((n, i) => ({from: i * size, to: (i + 1) * size, n: n / (size * time.unit / 60)}));
    };
    const rateChart = (name, of, points, noun) => chart(name, (width) => {
      if (!sent || (name !== 'limits' && !points.length)) return null;
      const rates = perMinute(of);
      return [swatches([[noun + ' a minute', 'var(--s0)'], ...(points.length ? [['limit that the server states or that was found', 'var(--s3)', true]] : [])]),
        base(width, {label: noun + ' a minute', tickFormat: 's'}, [
          Plot.rectY(rates, {x1: 'from', x2: 'to', y1: 0, y2: 'n', fill: 'var(--s0)', fillOpacity: 0.55, insetLeft: 0.5}),
          line(points, 'var(--s3)', {curve: 'step-after', strokeDasharray: '6,3'}),
          Plot.tip(rates, Plot.pointerX({x: (one) => (one.from + one.to) / 2, y: 'n', ...kTip, title: (one) => number.format(one.n) + ' ' + noun + ' a minute'})),
        ])];
    });
    rateChart('limits', (slice) => slice[5], stated(/([\d,]+) requests/), 'requests');
    rateChart('limits-tokens', (slice) => slice[6] + slice[7], stated(/([\d,]+) tokens/), 'tokens');

    $('events-title').textContent = 'What happened (' + counted(data.events_in_all, 'event') + ')';
    fill($('events-table'), [['When', (event) => when(event.ms)], ['Kind', (event) => event.kind], ['Detail', (event) => event.detail]], events);
    if (!events.length) $('events-table').closest('details').hidden = true;
  }

  function failureTables() {
    const outcomes = {rejected: 'rejected', failed: 'no answer', remedied: 'sent again without a parameter', throttled: 'told to wait', halted: 'stopped the run', abandoned: 'given up when the run was stopped', probed: 'service still down'};
    const rows = [...data.reasons].sort((a, b) => b.times - a.times);
    const lost = rows.filter((row) => row.outcome === 'rejected' || row.outcome === 'failed');
    $('failures-lead').textContent = rows.length
      ? counted(data.failures_in_all, 'attempt') + ' failed' + (usdOf(lost) ? ' and cost ' + money(usdOf(lost)) : '') + (data.run.missing ? '; ' + counted(data.run.missing, 'sample') + ' missing.' : '; no sample is missing.')
      : data.run.missing ? counted(data.run.missing, 'sample') + ' missing.' : 'Every request gave a sample, and no sample is missing.';
    if (rows.length) {
      fill($('reasons-table'), [
        ['Reason', (row) => isReadable(row) ? make('button', {type: 'button', onclick: () => byReason(row.reason)}, words(row.reason)) : words(row.reason || row.outcome)], ['Outcome', (row) => (outcomes[row.outcome] || row.outcome) + (row.role === 'write' ? '' : ' (' + row.role + ')')],
        ['Times', (row) => number.format(row.times), true], ['Tokens out', (row) => number.format(row.output), true],
        ['Cost', (row) => row.calls === 0 ? '$0' : row.unknown && !row.usd ? 'unknown' : money(row.usd) + (row.unknown ? ' and ' + row.unknown + ' unknown' : ''), true],
        ['Reserved', (row) => row.reserved_usd ? money(row.reserved_usd) : '', true],
      ], rows);
    } else {
      $('reasons-table').parentElement.hidden = true;
    }
    chart('reasons', (width) => {
      if (!rows.length) return null;
      const top = rows.slice(0, 25);
      const svg = Plot.plot({
        style: kStyle, width, height: 54 + top.length * 26, marginLeft: Math.min(width * 0.45, 250), marginRight: 56, marginBottom: 40, ariaLabel: 'Failures by reason',
        x: {label: 'requests', grid: true, ticks: 5, tickFormat: 'd'}, y: {label: null, domain: top.map((row, i) => i), tickFormat: (i) => cut(words(top[i].reason || top[i].outcome), width < 480 ? 24 : 34), tickSize: 0},
        marks: [
          Plot.barX(top, {x: 'times', y: (row, i) => i, fill: (row) => row.outcome === 'throttled' || row.outcome === 'remedied' ? 'var(--s1)' : 'var(--s3)', insetTop: 3, insetBottom: 3}),
          Plot.text(top, {x: 'times', y: (row, i) => i, text: (row) => number.format(row.times), textAnchor: 'start', dx: 5, fill: 'var(--ink)'}),
        ],
      });
      svg.querySelectorAll('[aria-label="bar"] rect').forEach((bar, i) => {
        if (!isReadable(top[i])) return;
        bar.classList.add('clickable');
        bar.addEventListener('click', () => byReason(top[i].reason));
      });
      return svg;
    });
    const link = (row) => 'sample ' + (row.sample + 1);
    $('missing').hidden = !data.run.missing;
    $('missing-title').textContent = counted(data.run.missing, 'missing sample') + (data.missing.length < data.run.missing ? ', the first ' + data.missing.length : '');
    fill($('missing-table'), [['Sample', link], ['Labels', (row) => row.labels.map((id) => labels[id].name).join(', ')], ['Reason', (row) => words(row.reason)], ['Message', (row) => row.message]], data.missing);
    $('unusable').hidden = !data.failures.length;
    $('unusable-title').textContent = counted(data.failures_in_all, 'failed attempt') + (data.failures.length < data.failures_in_all ? ', the first ' + data.failures.length : '') + ' one by one';
    const row_of = new Map(samples.map((sample, i) => [sample.index, i]).filter(([, i]) => !isRejected(samples[i])));
    const toText = (i, text) => make('button', {type: 'button', onclick: () => { open(i, true); $('reader').scrollIntoView(); }}, text);
    fill($('unusable-table'), [
      ['Sample', (row) => row_of.has(row.sample) ? toText(row_of.get(row.sample), link(row)) : link(row)],
      ['Attempt', (row) => { const i = row.outcome === 'rejected' && row.role === 'write' ? attempts.get(row.sample + '/' + row.attempt) : undefined; return i === undefined ? row.attempt : toText(i, String(row.attempt)); }, true], ['Reason', (row) => words(row.reason || row.outcome) + (row.role === 'write' ? '' : ' (' + row.role + ')')],
      ['Message', (row) => row.message], ['Words', (row) => row.words ? number.format(row.words) : '', true], ['Cost', (row) => row.usd === null && row.outcome === 'failed' ? '' : money(row.usd), true], ['When', (row) => when(row.at)],
    ], data.failures);
  }

  // --- reader -----------------------------------------------------------------------------------------------------------

  /** Accepted texts, then rejected ones, which have a reason. */
  const samples = unpackJson('samples');
  const isRejected = (sample) => sample.reason !== undefined;
  const rejects = samples.filter(isRejected);
  const attempts = new Map(samples.map((sample, i) => [sample.index + '/' + sample.attempt, i]));
  const readable = {reason: new Set(rejects.map((sample) => sample.reason)), finding: new Set(rejects.flatMap((sample) => sample.findings.map(findingKey)))};
  const isReadable = (row) => row.outcome === 'rejected' && row.role === 'write' && readable.reason.has(row.reason);
  const isRejectedMode = () => $('f-show').value === 'rejected';
  let texts = null, lower = null, prompts = null, spans = null;
  let order = [], shown = 0, current = -1;
  const kPage = 200;
  const kinds = ['name', 'alias', 'term', 'instrument', 'object'];

  /** Of each sample: [begin, end, label, kind, strong]… */
  function unpackSpans() {
    const bytes = unpack('spans');
    let at = 0;
    const next = () => {
      let value = 0, shift = 0, byte;
      do { byte = bytes[at++]; value |= (byte & 127) << shift; shift += 7; } while (byte & 128);
      return value;
    };
    const sizes = [next(), next(), next(), next(), next()];
    const columns = [];
    for (const size of sizes) {
      const end = at + size, column = [];
      while (at < end) column.push(next());
      columns.push(column);
    }
    const [counts, begins, lengths, which, how] = columns;
    let i = 0;
    return counts.map((count) => {
      const out = [];
      for (let begin = 0, n = 0; n < count; n++, i++) {
        begin += begins[i];
        out.push([begin, begin + lengths[i], which[i], kinds[how[i] >> 1], (how[i] & 1) === 1]);
      }
      return out;
    });
  }

  const titleOf = (i) => samples[i].title || cut((texts[i].slice(0, 200).trim().split('\n')[0] || 'no title').replace(/^[#*\s]+/, '').replace(/^title:\s*/i, ''), 110);
  const rejectedBefore = (sample) => sample.tries.some((one) => one.role === 'write' && (one.outcome === 'rejected' || one.outcome === 'failed'));
  const leastShare = (sample) => Math.min(...sample.labels.map((label, k) => sample.shares[2 * k]));

  const kChoices = ['f-label', 'f-reason', 'f-finding'];

  /** What can be chosen among the texts that are listed: the accepted or the rejected ones. */
  function fillFilters() {
    const rejected = isRejectedMode(), listed = samples.filter((sample) => isRejected(sample) === rejected);
    const chosen = kChoices.map((name) => $(name).value);
    const count = new Map(), found = new Map(), reasons = new Map();
    const add = (map, key) => map.set(key, (map.get(key) || 0) + 1);
    const byNumber = (map) => [...map].sort((a, b) => b[1] - a[1]);
    let again = 0;
    for (const sample of listed) {
      for (const label of sample.labels) add(count, label);
      for (const key of new Set(sample.findings.map(findingKey))) add(found, key);
      if (rejected) add(reasons, sample.reason);
      else again += rejectedBefore(sample);
    }
    $('f-label').replaceChildren(make('option', {value: ''}, 'any'), ...labels.map((label, i) => [label, count.get(i) || 0]).filter(([, n]) => n > 0)
      .map(([label, n]) => make('option', {value: label.code}, label.name + ' (' + n + ')')));
    $('f-reason').replaceChildren(make('option', {value: ''}, 'any'), ...byNumber(reasons).map(([reason, n]) => make('option', {value: reason}, words(reason) + ' (' + n + ')')));
    $('f-reason').parentElement.hidden = !rejected;
    const names = new Map(listed.flatMap((sample) => sample.findings.map((finding) => [findingKey(finding), findingName(finding)])));
    $('f-finding').replaceChildren(make('option', {value: ''}, 'with or without'), make('option', {value: '+'}, 'any finding'), make('option', {value: '-'}, 'no finding'),
      ...(again ? [make('option', {value: '~'}, 'failed attempts before (' + again + ')')] : []),
      ...byNumber(found).map(([key, n]) => make('option', {value: key}, names.get(key) + ' (' + n + ')')));
    kChoices.forEach((name, i) => { $(name).value = chosen[i]; if ($(name).selectedIndex < 0) $(name).value = ''; });
    const all = rejected ? data.rejected_texts : data.run.accepted;
    $('reader-lead').textContent = rejected
      ? (all > listed.length ? number.format(listed.length) + ' of ' + counted(all, 'rejected text') + ': those of rare reasons all, those of frequent ones evenly over the plan.' : (all === 1 ? 'The one rejected text.' : 'All ' + counted(all, 'rejected text') + '.')) + ' What was wrong stands above each.'
      : all > listed.length
        ? number.format(listed.length) + ' of ' + number.format(all) + ' samples, evenly over the plan; the charts are of all. Filters search these only.'
        : 'All ' + counted(listed.length, 'sample') + '. Coloured: what speaks for each of its labels; underlined: what does so only together with others.';
  }
  function setMode(rejected) {
    if (isRejectedMode() === rejected || (rejected && !rejects.length)) return;
    $('f-show').value = rejected ? 'rejected' : 'accepted';
    fillFilters();
  }
  function clearFilters() {
    for (const name of ['f-text', 'f-min', 'f-max', ...kChoices]) $(name).value = '';
  }
  function setUpFilters() {
    const accepted = samples.length - rejects.length;
    $('f-show').replaceChildren(make('option', {value: 'accepted'}, 'accepted (' + number.format(accepted) + ')'),
      make('option', {value: 'rejected', selected: !accepted && rejects.length > 0}, 'rejected (' + number.format(rejects.length) + ')'));
    $('f-show').parentElement.hidden = $('keys-rejected').hidden = !rejects.length;
    fillFilters();
    $('filters').addEventListener('input', (event) => { if (event.target === $('f-show')) fillFilters(); applyFilters(); });
    $('filters').addEventListener('submit', (event) => event.preventDefault());
    $('filters').addEventListener('reset', () => setTimeout(() => { fillFilters(); applyFilters(); }));
    $('more').addEventListener('click', () => listMore(true));
  }

  const queryWords = () => ($('f-text').value.toLowerCase().match(/"[^"]+"|[^\s"]+/g) || []).map((word) => word.replace(/"/g, ''));

  function applyFilters() {
    if (!texts) return;
    const wanted = queryWords();
    const code = $('f-label').value, label = labels.findIndex((one) => one.code === code);
    const finding = $('f-finding').value, reason = $('f-reason').value, rejected = isRejectedMode();
    const min = Number($('f-min').value || 0), max = Number($('f-max').value || Infinity);
    if (wanted.length && !lower) lower = texts.map((text, i) => (samples[i].title + '\n' + text).toLowerCase());
    order = [];
    let all = 0;
    samples.forEach((sample, i) => {
      if (isRejected(sample) !== rejected) return;
      all++;
      if (reason && sample.reason !== reason) return;
      if (code && !sample.labels.includes(label)) return;
      if (finding === '+' && !sample.findings.length) return;
      if (finding === '-' && sample.findings.length) return;
      if (finding === '~' && !rejectedBefore(sample)) return;
      if (finding.length > 1 && !sample.findings.some((one) => findingKey(one) === finding)) return;
      if (sample.words < min || sample.words > max) return;
      if (!wanted.every((word) => lower[i].includes(word))) return;
      order.push(i);
    });
    const by = {words: (s) => s.words, 'words-': (s) => -s.words, 'findings-': (s) => -s.findings.length, 'usd-': (s) => -(s.usd || 0), share: leastShare}[$('f-order').value];
    if (by) order.sort((a, b) => by(samples[a]) - by(samples[b]) || a - b);
    const noun = rejected ? 'rejected text' : 'sample';
    $('f-count').textContent = order.length === all ? counted(all, noun) : number.format(order.length) + ' of ' + counted(all, noun);
    $('list').replaceChildren();
    shown = 0;
    listMore(false);
    if (current >= 0) highlight();
    if (order.length && !order.includes(current) && !phone()) open(order[0], false);
    if (!order.length) $('list').append(make('li', {class: 'none', style: {padding: '.75rem'}}, 'No ' + noun + ' is like that. Widen the filters or reset them.'));
  }

  function listMore(focus) {
    const from = shown;
    for (const i of order.slice(shown, shown + kPage)) {
      const sample = samples[i];
      const flag = isRejected(sample) ? make('span', {class: 'flag rejected'}, ' · ' + words(sample.reason)) : sample.findings.length ? make('span', {class: 'flag'}, ' · ' + counted(sample.findings.length, 'finding')) : null;
      $('list').append(make('li', {}, make('button', {type: 'button', 'data-i': i, 'aria-current': i === current ? 'true' : 'false', onclick: () => open(i, true)},
        make('strong', {dir: 'auto'}, titleOf(i)),
        make('span', {class: 'meta'}, 'Sample ' + (sample.index + 1) + (isRejected(sample) ? ', attempt ' + sample.attempt : '') + ' · ' + counted(sample.words, 'word'), flag),
        make('span', {class: 'meta'}, sample.labels.map((label) => labels[label].name).join(', ')))));
    }
    shown = Math.min(order.length, shown + kPage);
    $('more').hidden = shown === order.length;
    if (focus) $('list').children[from]?.firstChild.focus();
  }

  const phone = () => matchMedia('(max-width: 52rem)').matches;

  /** `asked`: by the user, so that a phone shows it in place of the list. */
  function open(i, asked) {
    current = i;
    if (isRejected(samples[i]) !== isRejectedMode()) {
      setMode(isRejected(samples[i]));
      applyFilters();
      if (!order.includes(i)) {
        clearFilters();
        applyFilters();
      }
      current = i;
      while (order.indexOf(i) >= shown) listMore(false);
    }
    for (const button of $('list').querySelectorAll('button')) button.setAttribute('aria-current', button.dataset.i === String(i) ? 'true' : 'false');
    showDocument(i);
    if (!asked) return;
    const hash = '#sample-' + (samples[i].index + 1) + (isRejected(samples[i]) ? '-attempt-' + samples[i].attempt : '');
    if (location.hash !== hash) history[document.body.classList.contains('reading') || !phone() ? 'replaceState' : 'pushState'](null, '', hash);
    if (phone()) {
      document.body.classList.add('reading');
      $('reader').scrollIntoView();
      $('document').focus({preventScroll: true});
    }
  }
  function closeDocument() {
    document.body.classList.remove('reading');
    const button = $('list').querySelector('[aria-current="true"]');
    if (button) { button.focus({preventScroll: true}); button.scrollIntoView({block: 'center'}); }
  }
  function step(by) {
    const place = order.indexOf(current) + by;
    if (place < 0 || place >= order.length) return;
    while (place >= shown) listMore(false);
    const inList = $('list').contains(document.activeElement);
    open(order[place], true);
    const button = $('list').querySelector('[aria-current="true"]');
    if (!button || phone()) return;
    const box = button.closest('.list'), top = button.offsetTop - box.offsetTop;
    if (top < box.scrollTop) box.scrollTop = top - 8;
    if (top + button.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = top + button.offsetHeight - box.clientHeight + 8;
    if (inList) button.focus({preventScroll: true});
  }

  /** The text with its spans as marks. Where spans overlap, the pieces carry all of them. */
  function marked(text, found, own) {
    const borders = new Set([0, text.length]);
    for (const [begin, end] of found) borders.add(begin).add(end);
    const cuts = [...borders].sort((a, b) => a - b);
    const out = document.createDocumentFragment();
    let first = 0;
    for (let k = 0; k + 1 < cuts.length; k++) {
      const [from, to] = [cuts[k], cuts[k + 1]];
      while (first < found.length && found[first][1] <= from && found[first][0] < from - 400) first++;
      const here = [];
      for (let s = first; s < found.length && found[s][0] <= from; s++) if (found[s][1] >= to) here.push(found[s]);
      const piece = text.slice(from, to);
      if (!here.length) { out.append(piece); continue; }
      const mine = here.filter((span) => own.includes(span[2]));
      const strong = mine.filter((span) => span[4]);
      const colours = [...new Set((strong.length ? strong : mine).map((span) => own.indexOf(span[2])))];
      const ends = [...new Set(mine.filter((span) => span[1] === to).map((span) => own.indexOf(span[2]) + 1))].sort((a, b) => a - b);
      const colour = (place) => 'var(--c' + place % 8 + ')';
      const background = colours.length > 1 ? 'linear-gradient(' + colours.map((place, n) => colour(place) + ' ' + n / colours.length * 100 + '% ' + (n + 1) / colours.length * 100 + '%').join(',') + ')' : colours.length ? colour(colours[0]) : '';
      const mark = make('mark', {
        class: !mine.length ? 'foreign' : strong.length ? null : 'weak', 'data-n': ends.join(' ') || null,
        title: here.map((span) => labels[span[2]].name + ' (' + span[3] + (own.includes(span[2]) ? '' : ', not a label of this sample') + ')').join('\n'),
      }, piece);
      if (mine.length && strong.length) mark.style.background = background;
      if (mine.length && !strong.length) mark.style.setProperty('--bg', colour(colours[0]));
      out.append(mark);
    }
    return out;
  }

  /** Leads from a text to the others that were written for the same sample. */
  function attemptsOf(i) {
    const same = [...attempts.values()].filter((other) => samples[other].index === samples[i].index).sort((a, b) => samples[a].attempt - samples[b].attempt);
    if (same.length < 2) return '';
    return make('nav', {class: 'attempts', 'aria-label': 'Texts of this sample'}, 'Sample ' + (samples[i].index + 1) + ': ', ...same.map((other) => {
      const one = samples[other];
      return make('button', {type: 'button', 'aria-current': other === i ? 'true' : null, onclick: () => { open(other, true); $('document').focus({preventScroll: true}); }},
        'attempt ' + one.attempt + ', ' + (isRejected(one) ? 'rejected' : 'accepted'));
    }));
  }

  function showDocument(i) {
    const sample = samples[i], own = sample.labels, found = spans[i];
    const place = order.indexOf(i);
    const fact = (name, ...value) => value.some((part) => part !== '' && part !== null && part !== undefined) ? [make('dt', {}, name), make('dd', {}, ...value)] : [];
    const foreign = d3.rollups(found.filter((span) => !own.includes(span[2])), (all) => all.length, (span) => span[2]).sort((a, b) => b[1] - a[1]).slice(0, 6);
    const prompt = make('pre', {tabindex: '0'});
    const details = make('details', {ontoggle: () => {
      if (!details.open || prompt.textContent) return;
      prompts = prompts || unpackStrings('prompts');
      prompt.textContent = prompts[i] || 'No prompt is recorded: this text was made elsewhere.';
    }}, make('summary', {}, 'Prompt'), prompt);
    const attributes = pairsOf(sample.attributes);
    $('document').replaceChildren(
      make('div', {class: 'bar'},
        make('button', {type: 'button', id: 'back', onclick: () => { if (location.hash.startsWith('#sample-')) history.back(); else closeDocument(); }}, '← List'),
        make('button', {type: 'button', id: 'previous', onclick: () => step(-1), disabled: place <= 0}, 'Previous'),
        make('button', {type: 'button', id: 'next', onclick: () => step(1), disabled: place < 0 || place + 1 >= order.length}, 'Next')),
      make('h3', {dir: 'auto'}, titleOf(i)),
      isRejected(sample) ? make('p', {class: 'note bad'}, make('b', {}, 'Rejected: ' + words(sample.reason)),
        (sample.message && !sample.findings.some((finding) => finding.message === sample.message) ? ' (' + sample.message + ')' : '') + '. ',
        !sample.accepted ? 'No attempt at this sample was accepted.' : attempts.has(sample.index + '/' + sample.accepted) ? '' : 'Attempt ' + sample.accepted + ' was accepted; its text is not among those of this page.') : '',
      attemptsOf(i),
      make('ul', {class: 'legend', 'aria-label': 'Labels'},
        ...own.map((label, k) => make('li', {style: {'--bg': 'var(--c' + k % 8 + ')'}}, (k + 1) + ' ' + labels[label].name + ' ',
          make('small', {}, sample.shares[2 * k + 1] === null ? 'nothing speaks for it' : percent(sample.shares[2 * k]) + ' of the words, from word ' + number.format(sample.shares[2 * k + 1] + 1)))),
        ...foreign.map(([label, n]) => make('li', {class: 'foreign'}, labels[label].name + ' ', make('small', {}, 'not a label, ' + counted(n, 'mention'))))),
      sample.findings.length ? make('ul', {class: 'found', 'aria-label': 'Findings'}, ...sample.findings.map((finding) => make('li', {}, make('b', {}, findingName(finding)),
        (finding.label ? ' (' + labelName(finding.label) + ')' : '') + ': ' + finding.message +
        (finding.value !== undefined && finding.limit !== undefined ? ' [' + short.format(finding.value) + ', limit ' + short.format(finding.limit) + ']' : '')))) : '',
      make('div', {class: 'text', dir: 'auto', id: 'text'}, marked(texts[i], found, own)),
      details,
      make('details', {open: true}, make('summary', {}, 'Provenance'), make('dl', {class: 'facts'},
        ...fact('Link', sample.link),
        ...attributes.flatMap(([name, value]) => fact(name, value)),
        ...fact('Words', number.format(sample.words) + (sample.target ? ' of ' + number.format(sample.target) + ' asked for' : '')),
        ...fact('Model', [sample.model, sample.provider].filter(Boolean).join(' by ')),
        ...fact('Attempt', String(sample.attempt) + (sample.tries.length ? ', after ' : ''), sample.tries.length ? make('ul', {class: 'found'}, ...sample.tries.map((one) =>
          make('li', {}, (one.role === 'write' ? 'attempt ' + one.attempt : one.role) + ' ' + one.outcome + (one.reason ? ': ' + words(one.reason) : '') + (one.message ? ', ' + one.message : '') + (one.usd ? ' (' + money(one.usd) + ')' : '')))) : null),
        ...fact('Finish', sample.finish === 'unknown' ? '' : sample.finish),
        ...fact('Tokens', sample.input !== undefined ? number.format(sample.input) + ' in, ' + number.format(sample.output) + ' out' : ''),
        ...fact('Cost', sample.usd === null ? '' : money(sample.usd)),
        ...fact('Sent', sample.sent ? when(sample.sent) + ', answered after ' + duration(sample.ms / 1000) : ''),
        ...fact('Seed', sample.seed),
        ...fact('Prompt hash', sample.prompt_hash))));
    highlight();
  }

  /** What is searched for, in the open text; browsers without highlights show the text without. */
  function highlight() {
    if (!window.CSS || !CSS.highlights || !window.Highlight) return;
    CSS.highlights.delete('search');
    const wanted = queryWords().filter((word) => word.length > 1), body = $('text');
    if (!wanted.length || !body) return;
    const ranges = [];
    const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
    const nodes = [];
    let all = '';
    while (walker.nextNode()) { nodes.push([all.length, walker.currentNode]); all += walker.currentNode.data; }
    all = all.toLowerCase();
    const spot = (at) => { const [from, node] = nodes[d3.bisectRight(nodes.map(([begin]) => begin), at) - 1]; return [node, Math.min(at - from, node.data.length)]; };
    for (const word of wanted)
      for (let at = all.indexOf(word); at >= 0 && ranges.length < 500; at = all.indexOf(word, at + word.length)) {
        const range = new Range();
        range.setStart(...spot(at));
        range.setEnd(...spot(at + word.length - 1));
        range.setEnd(range.endContainer, Math.min(range.endOffset + 1, range.endContainer.data.length));
        ranges.push(range);
      }
    CSS.highlights.set('search', new Highlight(...ranges));
  }

  function openFromAddress() {
    const match = /^#sample-(\d+)(?:-attempt-(\d+))?$/.exec(location.hash);
    const i = match ? samples.findIndex((sample) => sample.index + 1 === Number(match[1]) && (match[2] ? sample.attempt === Number(match[2]) : !isRejected(sample))) : -1;
    if (i >= 0) {
      open(i, true);
      $('reader').scrollIntoView();
    } else if (document.body.classList.contains('reading')) {
      closeDocument();
    }
  }

  function setUpKeys() {
    document.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      const inList = $('list').contains(event.target);
      if (event.key === 'Escape') {
        if (typing) event.target.blur();
        if (document.body.classList.contains('reading')) closeDocument();
        else $('list').querySelector('[aria-current="true"]')?.focus();
      } else if (typing) {
        return;
      } else if (event.key === '/') {
        $('reader').scrollIntoView();
        $('f-text').focus();
      } else if (event.key === 'r' && rejects.length) {
        setMode(!isRejectedMode());
        applyFilters();
        $('reader').scrollIntoView();
      } else if (event.key === 'j' || (inList && event.key === 'ArrowDown')) {
        step(1);
      } else if (event.key === 'k' || (inList && event.key === 'ArrowUp')) {
        step(-1);
      } else {
        return;
      }
      event.preventDefault();
    });
    addEventListener('popstate', openFromAddress);
  }

  function setUpTheme() {
    const root = document.documentElement;
    $('theme').addEventListener('click', () => {
      const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
      root.dataset.theme = dark ? 'light' : 'dark';
    });
  }

  // --- all of it --------------------------------------------------------------------------------------------------------

  try {
    setUpTheme();
    const libraries = unpackStrings('libraries');
    $('licences').textContent = libraries.pop();
    for (const library of libraries) document.head.append(make('script', {}, library));
    showTiles();
    labelCharts();
    lengthChart();
    findingCharts();
    timeCharts();
    failureTables();
    drawAll();
    new ResizeObserver(() => drawAll()).observe($('main'));
    // The texts when the charts are there to look at.
    requestAnimationFrame(() => setTimeout(() => {
      try {
        texts = unpackStrings('texts');
        spans = unpackSpans();
        setUpFilters();
        setUpKeys();
        applyFilters();
        openFromAddress();
        $('main').setAttribute('aria-busy', 'false');
      } catch (error) {
        trouble('The texts cannot be shown: ' + error.message);
        throw error;
      }
    }));
  } catch (error) {
    trouble('This report cannot be shown by this browser: ' + error.message);
    throw error;
  }
})();
