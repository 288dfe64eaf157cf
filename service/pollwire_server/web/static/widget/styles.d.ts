/** The style sheets of every widget in one string; `make assets` generates the module. */
export const styles: string;
