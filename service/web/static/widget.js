/**
 * `<live-poll poll="ID">` for any page, of any site:
 *
 *     <script type="module" src="https://polls.example/widget.js"></script>
 *     <live-poll poll="lunch"></live-poll>
 *
 * The service is the one that this file came from. All modules are named here, so that the browser
 * fetches them side by side instead of finding them one after the other.
 */
import './client/client.js';
import './client/clock.js';
import './client/errors.js';
import './client/http.js';
import './client/order.js';
import './client/stream.js';
import './client/transports.js';
import './client/voter.js';
import './client/votes.js';
import './client/waiting.js';
import './widget/announcer.js';
import './widget/build.js';
import './widget/model.js';
import './widget/rows.js';
import './widget/sheet.js';
import './widget/view.js';
import './widget/words.js';
import { defineLivePoll } from './widget/element.js';

defineLivePoll(new URL('.', import.meta.url).href);
