/**
 * `<live-poll poll="ID">` for any page, of any site:
 *
 *     <script type="module" src="https://polls.example/widget.js"></script>
 *     <live-poll poll="lunch"></live-poll>
 *
 * The service is the one that this file came from. It is served as one module with all that it imports.
 */
import { defineLivePoll } from './widget/element.js';

defineLivePoll(new URL('.', import.meta.url).href);
