/**
 * The custom element `<live-poll poll="ID">` for any page of any site:
 *
 *     <script type="module" src="https://polls.example/widget.js"></script>
 *     <live-poll poll="lunch"></live-poll>
 *
 * The element uses the service that serves this file. The file is served as one module, with all its imports.
 */
import { defineLivePoll } from './widget/element.js';

defineLivePoll(new URL('.', import.meta.url).href);
