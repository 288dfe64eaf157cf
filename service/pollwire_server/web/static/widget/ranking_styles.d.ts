/** The style sheet `ranking.css` as a string; `make assets` generates the module. */
export const styles: string;
