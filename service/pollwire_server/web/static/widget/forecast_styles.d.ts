/** The style sheet `forecast.css` as a string; `make assets` generates the module. */
export const styles: string;
